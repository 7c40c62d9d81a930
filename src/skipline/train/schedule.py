"""Learning-rate schedules: pure functions of how far the run has come, so a resumed run needs no state of theirs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from skipline.train.error import RecipeError
from skipline.wording import require_kind, require_real


@dataclass(frozen=True, slots=True)
class Constant:
    """`f(t) = 1`."""


@dataclass(frozen=True, slots=True)
class StepDecay:
    """`f(t) = factor^(milestones passed)`; milestones are fractions of the run. He et al. 2015: 0.1 at 1/2 and 3/4."""

    milestones: tuple[float, ...] = (0.5, 0.75)
    factor: float = 0.1

    def __post_init__(self) -> None:
        require_real(RecipeError, "schedule.factor", self.factor, "(0, 1)")
        require_kind(RecipeError, "schedule.milestones", self.milestones, (tuple,))
        for milestone in self.milestones:
            require_real(RecipeError, "schedule.milestones", milestone, "(0, 1)")
        if not self.milestones or list(self.milestones) != sorted(set(self.milestones)):
            raise RecipeError(
                f"schedule.milestones is {list(self.milestones)}; expected fractions of the run that rise, "
                "e.g. [0.5, 0.75]."
            )


@dataclass(frozen=True, slots=True)
class Cosine:
    """`f(t) = end + (1 − end)(1 + cos πt) / 2` (arXiv 1608.03983, without restarts)."""

    end: float = 0.0

    def __post_init__(self) -> None:
        require_real(RecipeError, "schedule.end", self.end, "[0, 1)")


@dataclass(frozen=True, slots=True)
class OneCycle:
    """Half a cosine up from `start` to 1 at t = `peak`, half a cosine down to `end` (arXiv 1708.07120).

    The defaults are those of PyTorch's `OneCycleLR`: 0.3, 1/25, 1/250000.
    """

    peak: float = 0.3
    start: float = 0.04
    end: float = 4e-6

    def __post_init__(self) -> None:
        require_real(RecipeError, "schedule.peak", self.peak, "[0, 1]")
        require_real(RecipeError, "schedule.start", self.start, "[0, 1]")
        require_real(RecipeError, "schedule.end", self.end, "[0, 1]")


Schedule = Constant | StepDecay | Cosine | OneCycle


@dataclass(frozen=True, slots=True)
class NoWarmUp:
    """The schedule from the first step on."""


@dataclass(frozen=True, slots=True)
class LinearWarmUp:
    """The schedule times `(step + 1) / n` until that is 1, n being the steps of `epochs` (arXiv 1706.02677)."""

    epochs: float = 5.0  # the paper's

    def __post_init__(self) -> None:
        require_real(RecipeError, "warm_up.epochs", self.epochs, "(0, inf)")


@dataclass(frozen=True, slots=True)
class UntilError:
    """The schedule times `factor` until the running training error is below `error`; from then on the schedule alone.

    He et al. 2015, section 4.2: the 110-layer net starts at a tenth of its rate until the error is below 80 %, about
    400 iterations. The running error is an exponential average over batches, `e ← 0.9 e + 0.1 batch error`, from
    e = 1; it and whether it has been low enough are part of a checkpoint.
    """

    error: float = 0.8
    factor: float = 0.1

    def __post_init__(self) -> None:
        require_real(RecipeError, "warm_up.error", self.error, "(0, 1]")
        require_real(RecipeError, "warm_up.factor", self.factor, "(0, 1)")


WarmUp = NoWarmUp | LinearWarmUp | UntilError

RUNNING_KEEP = 0.9  # of `UntilError`'s average, over about ten batches; guessed


def schedule_factor(schedule: Schedule, step: int, num_steps: int) -> float:
    """f(t), which the learning rate is multiplied by at `step` of `num_steps` (0 ≤ step < num_steps).

    t = step / num_steps; for one-cycle as in PyTorch's `OneCycleLR`: its top is at step `peak` × num_steps − 1, its end
    at the last step.
    """
    progress = step / num_steps
    match schedule:
        case Constant():
            return 1.0
        case StepDecay(milestones=milestones, factor=factor):
            return factor ** sum(progress >= milestone for milestone in milestones)
        case Cosine(end=end):
            return _half_cosine(1.0, end, progress)
        case OneCycle(peak=peak, start=start, end=end):
            top = peak * num_steps - 1
            if step <= top:
                return _half_cosine(start, 1.0, step / top) if top > 0 else 1.0
            rest = num_steps - 1 - top
            return _half_cosine(1.0, end, (step - top) / rest) if rest > 0 else end


def warm_up_factor(warm_up: WarmUp, step: int, steps_per_epoch: int, *, is_released: bool) -> float:
    """What the scheduled rate is multiplied by at `step`; `is_released` says that `UntilError` has seen its error."""
    match warm_up:
        case NoWarmUp():
            return 1.0
        case LinearWarmUp(epochs=epochs):
            return min(1.0, (step + 1) / max(1.0, epochs * steps_per_epoch))
        case UntilError(factor=factor):
            return 1.0 if is_released else factor


def next_running_error(running_error: float, batch_error: float) -> float:
    """The average that `UntilError` watches, after a batch with `batch_error`."""
    return RUNNING_KEEP * running_error + (1.0 - RUNNING_KEEP) * batch_error


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1.0 + math.cos(math.pi * progress)) / 2.0
