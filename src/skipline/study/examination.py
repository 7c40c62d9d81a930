"""A network examined before it is trained: its signals predicted and measured, judged, and the remedy tried."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from skipline.init import InitError, Scheme, laws_of, scheme_named
from skipline.signal.causes import RemedyName
from skipline.signal.comparison import Comparison, compared
from skipline.signal.course import course_of
from skipline.signal.diagnosis import Diagnosis, diagnose
from skipline.signal.evidence import LARGEST, evidence_of
from skipline.signal.reading import Xray
from skipline.signal.traits import traits_of
from skipline.signal.verdict import VERDICTS, Verdict
from skipline.spec import Network, SpecError
from skipline.study.error import StudyError
from skipline.study.remedies import REMEDIES, Candidate, remedies_for
from skipline.theory.depth_limit import depth_limit
from skipline.theory.predict import predict_signals
from skipline.theory.prediction import STANDARD_INPUTS, Inputs, Prediction

if TYPE_CHECKING:
    from torch import Tensor

Passing: TypeAlias = "Callable[[str, Tensor, bool], None]"
"""Called with the name of a block, what it gives or the gradient there, and whether it is the gradient."""


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
    None where nothing was measured. `verdict` is the worse of the two: nothing is claimed that either contradicts.
    `greatest_depth` is the number of layers up to which such nets train: infinite where no law ends it, and on the side
    of this network's own depth that its verdict says.
    """

    candidate: Candidate
    conditions: Conditions
    prediction: Prediction
    reading: Xray | None
    comparison: Comparison | None
    diagnosis: Diagnosis
    measured: Diagnosis | None
    greatest_depth: float
    remedies: tuple[RemedyName, ...]
    seconds: float

    @property
    def decisive(self) -> Diagnosis:
        """The worse of the prediction's diagnosis and the measurement's; of equals the prediction's."""
        seen = self.measured or self.diagnosis
        return max(self.diagnosis, seen, key=lambda diagnosis: VERDICTS.index(diagnosis.verdict))

    @property
    def verdict(self) -> Verdict:
        """That of the decisive diagnosis."""
        return self.decisive.verdict

    @property
    def sentence(self) -> str:
        """That of the decisive diagnosis."""
        return self.decisive.sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedRemedy:
    """A remedy that was tried on `before`: the network that it makes, examined in the same way."""

    before: Examination
    remedy: RemedyName
    after: Examination

    @property
    def helped(self) -> bool:
        """Whether the verdict is better, by prediction and measurement both."""
        return VERDICTS.index(self.after.verdict) < VERDICTS.index(self.before.verdict)


def examine(candidate: Candidate, conditions: Conditions, *, measure: bool) -> Examination:
    """Predict the signals of `candidate` at the start, measure them in a real network if asked to, and judge.

    Raises `InitError` where the scheme cannot start the network, `SpecError` for images that are too small.
    """
    *_, whole = examining(candidate, conditions, measure=measure, between=_go_on)
    return whole


def unwatched(_name: str, _x: Tensor, _is_gradient: bool) -> None:
    """Nobody looks at what passes."""


def examining(
    candidate: Candidate,
    conditions: Conditions,
    *,
    measure: bool,
    between: Callable[[], None],
    passing: Passing = unwatched,
) -> Iterator[Examination]:
    """`examine` as it goes: what is known when the prediction is judged, when the greatest depth is, and at the end.

    `greatest_depth` is NaN in the first. `between` is called between the parts, and while a network is measured between
    its blocks; what it raises ends the examination. `passing` sees what is measured on its way.
    """
    began = time.perf_counter()
    scheme = scheme_named(candidate.init)
    scheme.requires(candidate.network)
    inputs = replace(STANDARD_INPUTS, num_images=conditions.batch_size)
    start = laws_of(candidate.network, scheme)
    prediction = predict_signals(candidate.network, start, image_size=conditions.image_size, inputs=inputs)
    traits, largest = traits_of(candidate.network), LARGEST[conditions.number_format]
    diagnosis = diagnose(evidence_of(course_of(prediction), traits, reading=None, largest=largest))
    found = Examination(
        candidate=candidate,
        conditions=conditions,
        prediction=prediction,
        reading=None,
        comparison=None,
        diagnosis=diagnosis,
        measured=None,
        greatest_depth=math.nan,
        remedies=remedies_for(candidate, diagnosis.remedies),
        seconds=time.perf_counter() - began,
    )
    yield found
    between()
    if measure:
        from skipline.study.measurement import read

        reading = read(candidate, conditions, between=between, passing=passing)
        diagnosis = diagnose(evidence_of(course_of(prediction), traits, reading=reading, largest=largest))
        seen = diagnose(evidence_of(course_of(reading), traits, reading=reading, largest=largest))
        found = replace(
            found,
            reading=reading,
            comparison=compared(prediction, reading),
            diagnosis=diagnosis,
            measured=seen,
            remedies=remedies_for(candidate, _wanted(diagnosis, seen)),
            seconds=time.perf_counter() - began,
        )
        yield found
        between()
    deepest = _greatest_depth(candidate.network, scheme, conditions, inputs, diagnosis)
    yield replace(found, greatest_depth=deepest, seconds=time.perf_counter() - began)


def _go_on() -> None:
    """Nobody waits for anything else."""


def treat(examination: Examination, *, measure: bool) -> tuple[TriedRemedy, ...]:
    """Try the remedies in their order until one makes a network that trains; all that were tried, the best first.

    Each is predicted again and, if asked to, measured again. Empty where no remedy in the table changes the network.
    Raises `StudyError` where there is nothing to treat.
    """
    name = examination.candidate.network.name
    if examination.verdict == "trains":
        raise StudyError(f"{name} is predicted to train: there is nothing to fix. Leave the treatment out.")
    tried: list[TriedRemedy] = []
    for remedy in examination.remedies:
        try:
            after = examine(remedied(examination.candidate, remedy), examination.conditions, measure=measure)
        except (InitError, SpecError):
            continue  # this network cannot have this remedy; the next one may do
        tried.append(TriedRemedy(before=examination, remedy=remedy, after=after))
        if after.verdict == "trains":
            break
    return tuple(sorted(tried, key=lambda treatment: VERDICTS.index(treatment.after.verdict)))


def remedied(candidate: Candidate, remedy: RemedyName) -> Candidate:
    """`candidate` with the remedy of that name applied, which its network's name then says."""
    changed = REMEDIES[remedy].apply(candidate)
    name = f"{candidate.network.name}-{remedy}"[:100]
    return replace(changed, network=replace(changed.network, name=name))


def _greatest_depth(
    network: Network, scheme: Scheme, conditions: Conditions, inputs: Inputs, diagnosis: Diagnosis
) -> float:
    side = conditions.image_size
    found = depth_limit(network, lambda each: laws_of(each, scheme), image_size=side, inputs=inputs).depth
    if diagnosis.verdict == "trains":
        return max(found, network.depth)
    return found if math.isinf(found) else min(found, network.depth - 1)


def _wanted(diagnosis: Diagnosis, seen: Diagnosis | None) -> tuple[RemedyName, ...]:
    """What helps against what was predicted, then against what only the measurement showed."""
    return tuple(dict.fromkeys((*diagnosis.remedies, *(seen.remedies if seen else ()))))
