"""Starts that look at data: what they give cannot be predicted, so that the measurement alone says what becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from skipline.init import FITS_OF_SCHEME, Fit, InitError, laws_of, start_named
from skipline.lab.error import LabError
from skipline.signal.course import course_of
from skipline.signal.diagnosis import Diagnosis, diagnose
from skipline.signal.evidence import LARGEST, evidence_of
from skipline.signal.reading import Xray
from skipline.signal.traits import traits_of
from skipline.study.examination import Conditions, Passing
from skipline.study.measurement import read
from skipline.study.remedies import Candidate
from skipline.theory.predict import predict_signals
from skipline.theory.prediction import STANDARD_INPUTS, Prediction

MOST_SLOW_DEPTH = 50  # layers: a hundred steps of second derivatives then take 10 to 40 s of one core, measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A network that looked at data: `prediction` is that of the scheme it began from, the rest was measured."""

    prediction: Prediction
    reading: Xray
    diagnosis: Diagnosis


def fit_of(init: str) -> Fit | None:
    """The start that looks at data of that name; None for one that looks at none. Raises `InitError` for neither."""
    how = start_named(init)
    return how if isinstance(how, Fit) else None


def check_depth(init: str, depth: int) -> None:
    """Refuse, as `LabError`, a start that would take minutes on a network this deep."""
    kind = init.partition("(")[0]
    if kind in FITS_OF_SCHEME and depth > MOST_SLOW_DEPTH:
        raise LabError(
            f"{kind} takes a hundred steps of second derivatives: the lab runs it up to {MOST_SLOW_DEPTH} layers, and "
            f"this net has {depth}. Choose fewer layers, or lsuv, which is one pass."
        )


def base_prediction(candidate: Candidate, conditions: Conditions, fit: Fit) -> Prediction:
    """What is predicted of the scheme that `fit` begins from."""
    fit.requires(candidate.network)
    inputs = replace(STANDARD_INPUTS, num_images=conditions.batch_size)
    laws = laws_of(candidate.network, fit.base)
    return predict_signals(candidate.network, laws, image_size=conditions.image_size, inputs=inputs)


def measured(
    candidate: Candidate,
    conditions: Conditions,
    *,
    prediction: Prediction,
    between: Callable[[], None],
    passing: Passing,
) -> Fitted:
    """The network fitted to the images that it is measured on, and judged by what was measured."""
    try:
        reading = read(candidate, conditions, between=between, passing=passing)
    except InitError as error:
        raise LabError(str(error)) from error
    largest = LARGEST[conditions.number_format]
    seen = evidence_of(course_of(reading), traits_of(candidate.network), reading=reading, largest=largest)
    return Fitted(prediction=prediction, reading=reading, diagnosis=diagnose(seen))
