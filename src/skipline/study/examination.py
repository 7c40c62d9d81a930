"""A network examined before it is trained: its signals predicted and measured, judged, and the remedy tried."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch

from skipline.init import InitError, build, laws_of, scheme_named
from skipline.seeds import split_seed
from skipline.signal import Xray, xray
from skipline.signal.causes import VERDICTS
from skipline.signal.comparison import Comparison, compared
from skipline.signal.course import course_of
from skipline.signal.diagnosis import Diagnosis, diagnose
from skipline.signal.evidence import LARGEST, evidence_of
from skipline.signal.remedies import REMEDIES, Candidate, remedies_for
from skipline.signal.traits import traits_of
from skipline.spec import SpecError
from skipline.study.error import StudyError
from skipline.theory.depth_limit import DepthLimit, depth_limit
from skipline.theory.predict import predict_signals
from skipline.theory.prediction import STANDARD_INPUTS, Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Square images of `image_size` pixels and independent Gaussian pixels, `batch_size` of them, drawn from `seed`.

    The weights are drawn from `seed` too. `number_format` is the one whose range counts, by PyTorch's name; what is
    measured is measured in fp32.
    """

    image_size: int
    batch_size: int = 16
    seed: int = 0
    number_format: str = "float32"

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise StudyError(
                f"batch_size is {self.batch_size}; batch norm and the overlap of two inputs need at least 2 images."
            )
        if self.number_format not in LARGEST:
            raise StudyError(f"number_format is {self.number_format!r}; expected {', '.join(LARGEST)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found. `diagnosis` judges the prediction, and what only a measurement can show where there is one.

    `measured` judges the course that was measured, by the same table; `comparison` puts the two together. Both are
    None where nothing was measured. `limit` is the greatest depth at which such nets train.
    """

    candidate: Candidate
    conditions: Conditions
    prediction: Prediction
    reading: Xray | None
    comparison: Comparison | None
    diagnosis: Diagnosis
    measured: Diagnosis | None
    limit: DepthLimit
    remedies: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """A remedy that was tried: the network that it makes, examined in the same way, and whether that is better."""

    remedy: str
    after: Examination
    helped: bool


def examine(candidate: Candidate, conditions: Conditions, *, measure: bool) -> Examination:
    """Predict the signals of `candidate` at the start, measure them in a real network if asked to, and judge.

    Raises `InitError` where the scheme cannot start the network, `SpecError` for images that are too small.
    """
    began = time.perf_counter()
    scheme = scheme_named(candidate.init)
    scheme.requires(candidate.network)
    start = laws_of(candidate.network, scheme)
    inputs = replace(STANDARD_INPUTS, num_images=conditions.batch_size)
    prediction = predict_signals(candidate.network, start, image_size=conditions.image_size, inputs=inputs)
    reading = measured(candidate, conditions) if measure else None
    traits, largest = traits_of(candidate.network), LARGEST[conditions.number_format]
    diagnosis = diagnose(evidence_of(course_of(prediction), traits, reading=reading, largest=largest))
    seen = None
    if reading is not None:
        seen = diagnose(evidence_of(course_of(reading), traits, reading=reading, largest=largest))
    return Examination(
        candidate=candidate,
        conditions=conditions,
        prediction=prediction,
        reading=reading,
        comparison=None if reading is None else compared(prediction, reading),
        diagnosis=diagnosis,
        measured=seen,
        limit=depth_limit(candidate.network, lambda each: laws_of(each, scheme), image_size=conditions.image_size),
        remedies=remedies_for(candidate, diagnosis.remedies),
        seconds=time.perf_counter() - began,
    )


def measured(candidate: Candidate, conditions: Conditions) -> Xray:
    """One x-ray of the network with real weights, in training mode, on Gaussian images."""
    net = build(candidate.network, seed=conditions.seed, scheme=scheme_named(candidate.init)).train()
    generator = torch.Generator().manual_seed(split_seed(conditions.seed, "examination", "images"))
    side = conditions.image_size
    shape = (conditions.batch_size, candidate.network.in_channels, side, side)
    return xray(net, torch.randn(shape, generator=generator))


def treat(examination: Examination, *, measure: bool) -> Treatment:
    """Try the remedies in their order until one is shown to help: predicted again and, if asked to, measured again.

    A remedy helps where the verdict is better, and the measurement's, if there is one, is no worse than the
    prediction's. Of several that do not help the first is returned, with `helped` False. Raises `StudyError` where
    there is nothing to treat, or no remedy in the table.
    """
    if examination.diagnosis.verdict == "trains":
        raise StudyError(f"{examination.candidate.network.name} is said to train: there is nothing to fix.")
    tried: list[Treatment] = []
    for name in examination.remedies:
        try:
            after = examine(_changed(examination.candidate, name), examination.conditions, measure=measure)
        except (InitError, SpecError):
            continue  # this network cannot have this remedy; the next one may do
        better = VERDICTS.index(_shown(after)) < VERDICTS.index(_shown(examination))
        tried.append(Treatment(remedy=name, after=after, helped=better))
        if _shown(after) == "trains":
            return tried[-1]
    if not tried:
        raise StudyError(
            f"no remedy in the table changes {examination.candidate.network.name}: {examination.diagnosis.sentence}."
        )
    return min(tried, key=lambda treatment: VERDICTS.index(_shown(treatment.after)))


def _changed(candidate: Candidate, remedy: str) -> Candidate:
    changed = REMEDIES[remedy].apply(candidate)
    name = f"{candidate.network.name}-{remedy}"[:100]
    return replace(changed, network=replace(changed.network, name=name))


def _shown(examination: Examination) -> str:
    """The worse of what was predicted and what was measured: nothing is claimed that both do not show."""
    seen = examination.measured or examination.diagnosis
    return max(examination.diagnosis.verdict, seen.verdict, key=VERDICTS.index)
