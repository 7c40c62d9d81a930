"""A sweep of learning rates on a copy of a run that is thrown away: which rate the run should have."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from skipline.amount import counted
from skipline.data import Dataset
from skipline.train.optimiser import set_learning_rate, swept_rates
from skipline.train.recipe import Recipe
from skipline.train.trials.trial import Trial, trial

NUM_STEPS = 100  # as in fastai and Lightning
_EXPLODED = 4.0  # times the lowest smoothed loss: the sweep then ends, as in fastai and Lightning
# The suggestion is the rate of the lowest smoothed loss over this. Guessed, between the 10 of fastai and 1; measured on
# the digits with nets of 8 and 20 layers and batch norm, one-cycle, one seed: with 10 they end 2 to 5 points worse.
_BELOW = 3.0
_REACH = 3  # batches on either side that a smoothed loss is the mean of; guessed
_STILL = 0.2  # of the steps: there the rates are so low that the losses differ by their batches alone
_SPREADS = 2.0  # by so many deviations of those losses has the smoothed loss to fall before it has fallen; guessed
FORMAT = "skipline.rate_sweep"
VERSION = 1

End = Literal["swept", "exploded", "not finite"]


@dataclass(frozen=True, slots=True)
class RateSweep:
    """The loss of step after step, each at a higher rate; `end` says why there are no more.

    `losses` are finite: the step that gave one that is not is left out.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    end: End

    @property
    def smoothed(self) -> tuple[float, ...]:
        """Each loss as the mean of it and up to three on either side: no lag, unlike an average of those before."""
        return tuple(map(self._smooth, range(len(self.losses))))

    @property
    def lowest(self) -> int:
        """The step of the lowest smoothed loss."""
        smoothed = self.smoothed
        return min(range(len(smoothed)), key=smoothed.__getitem__)

    @property
    def has_fallen(self) -> bool:
        """Whether the smoothed loss fell below the first fifth's mean by two of their standard deviations or more."""
        first = self.losses[: max(2, round(_STILL * NUM_STEPS))]
        if len(self.losses) <= len(first):
            return False
        return self.smoothed[self.lowest] < statistics.mean(first) - _SPREADS * statistics.pstdev(first)

    @property
    def suggestion(self) -> float:
        """A third of the rate at which the smoothed loss is lowest, to two digits; NaN where the loss has not fallen.

        The lowest loss is where steps begin to be too long: a run at that rate would be at the edge. J. Howard and S.
        Gugger, Deep Learning for Coders (2020), chapter 5, take a tenth of it.
        """
        return float(f"{self.rates[self.lowest] / _BELOW:.1e}") if self.has_fallen else math.nan

    def sentence(self) -> str:
        """What was seen and what follows from it, in plain words."""
        if not self.rates:
            return "the loss is not finite in the first step already"
        ends = {
            "swept": f"rates were tried up to {self.rates[-1]:.2g}",
            "exploded": f"at {self.rates[-1]:.2g} the loss was {_EXPLODED:g} times its lowest",
            "not finite": f"beyond {self.rates[-1]:.2g} the loss was no longer finite",
        }
        if not self.has_fallen:
            return (
                f"at no rate did the smoothed loss fall {_SPREADS:g} standard deviations below the mean of the first "
                f"{counted(round(_STILL * NUM_STEPS), 'step')}; {ends[self.end]}"
            )
        return (
            f"suggested learning rate: {self.suggestion:g}, a third of {self.rates[self.lowest]:.2g}, where the "
            f"smoothed loss is lowest ({ends[self.end]})"
        )

    def to_json(self) -> dict[str, Any]:
        """The content of `learning_rate.json`."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "rates": list(self.rates),
            "losses": list(self.losses),
            "smoothed": list(self.smoothed),
            "end": self.end,
            "suggestion": self.suggestion,
            "sentence": self.sentence(),
        }

    def _smooth(self, step: int) -> float:
        return statistics.fmean(self.losses[max(0, step - _REACH) : step + _REACH + 1])


def sweep_rates(
    recipe: Recipe, dataset: Dataset, device: torch.device, *, show: Callable[[int, int], None]
) -> RateSweep:
    """Train a copy of the run of `recipe` for `NUM_STEPS` steps, each at a rate that is a factor above the last.

    `η_i = low (high / low)^(i / (n − 1))`, over the optimiser's `swept_rates`. The learning-rate range test of L.
    Smith, arXiv 1506.01186, section 3.3, with rates that grow by a factor as in arXiv 1803.09820 and fastai. It ends
    early where the smoothed loss is `_EXPLODED` times its lowest, or a loss is not finite. `show` is called with
    the steps done, of how many.

    The copy is a `trial`; schedule and warm-up play no part. Raises what training does before its first step.
    """
    low, high = swept_rates(recipe.optimiser)
    rates = tuple(low * (high / low) ** (step / (NUM_STEPS - 1)) for step in range(NUM_STEPS))
    with trial(recipe, dataset, device) as copy:
        losses, end = _losses(copy, rates, show)
    return RateSweep(rates[: len(losses)], tuple(losses), end)


def _losses(copy: Trial, rates: Sequence[float], show: Callable[[int, int], None]) -> tuple[list[float], End]:
    losses: list[float] = []
    show(0, len(rates))
    for step, (rate, batch) in enumerate(zip(rates, copy.batches, strict=False)):
        set_learning_rate(copy.learner.optimiser, rate)
        loss = copy.memory.step(copy.learner, batch, step=step)[0].item()  # waits: the next step may not be made
        if not math.isfinite(loss):
            return losses, "not finite"
        losses.append(loss)
        show(step + 1, len(rates))
        so_far = RateSweep(tuple(rates[: len(losses)]), tuple(losses), "exploded").smoothed[:-_REACH]
        if so_far and so_far[-1] > _EXPLODED * min(so_far):
            return losses, "exploded"
    return losses, "swept"
