"""An exam taken: predictions, measures and pictures of one net."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from skipline.evaluate.exam import Exam
from skipline.evaluate.measures import Measures, measure
from skipline.evaluate.pictures import Pictures, take_pictures, to_look_at
from skipline.evaluate.predictions import Predictions, predict
from skipline.evaluate.temperature import Tempered, cross_tempered, tempered
from skipline.seeds import split_seed
from skipline.weights import TrainedModel

SEED = 0  # of resamples and halves: a fixed one, so that the same predictions give the same page


@dataclass(frozen=True, kw_only=True, eq=False)
class Assessment:
    """What came of an exam."""

    exam: Exam
    predictions: Predictions
    measures: Measures
    pictures: Pictures


def assess(
    model: TrainedModel,
    exam: Exam,
    *,
    held_out: tuple[Exam, ...],
    sha256: str,
    is_held_out: bool,
    device: torch.device,
    batch_size: int,
    autocast: AbstractContextManager[object],
) -> Assessment:
    """Give `exam` to `model`, whose file's sha256 is given; its net is on `device`.

    `held_out` has, at most, the exam whose images the temperature is fitted on; without it each half of `exam` is
    scaled by what suits the other. `is_held_out`: the net has not learnt from the images of `exam`.
    """

    def said(of: Exam) -> Predictions:
        return predict(
            model.net,
            of,
            preprocess=model.preprocess,
            model=sha256,
            device=device,
            batch_size=batch_size,
            autocast=autocast,
        )

    predictions = said(exam)
    measures = measure(
        predictions.logits,
        exam.labels,
        tempered=_tempered(predictions, [(other, said(other)) for other in held_out]),
        values=(("brightness", predictions.brightness), *((("longer side", exam.sides),) if len(exam.sides) else ())),
        is_held_out=is_held_out,
        seed=SEED,
    )
    indices = to_look_at(predictions.logits, exam.labels, measures.suspects)
    pictures = take_pictures(
        model.net, exam, indices, preprocess=model.preprocess, logits=predictions.logits, device=device
    )
    return Assessment(exam=exam, predictions=predictions, measures=measures, pictures=pictures)


_PARTS = {"val": "validation", "train": "training"}  # as they are called in sentences


def _tempered(predictions: Predictions, held_out: list[tuple[Exam, Predictions]]) -> Tempered:
    if held_out:
        exam, said = held_out[0]
        called = f"the {_PARTS.get(exam.part, exam.part)} images"
        return tempered(predictions.logits, (said.logits, said.labels), called=called)
    generator = torch.Generator().manual_seed(split_seed(SEED, "halves"))
    return cross_tempered(predictions.logits, predictions.labels, generator=generator)
