"""The batch of a run whose settings do not name one: the largest that its memory holds, with a margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from skipline.amount import counted, size_text
from skipline.data import Dataset
from skipline.memory import MemoryPlan
from skipline.train.error import RecipeError
from skipline.train.memory.step_memory import plan_memory_of
from skipline.train.recipe import Recipe
from skipline.train.step import StepOutOfMemory, training_step
from skipline.train.trials.trial import trial


@dataclass(frozen=True, slots=True)
class FittingBatch:
    """A batch of `size` images, of the `wanted` ones, and its `plan`."""

    size: int
    wanted: int
    plan: MemoryPlan

    def sentence(self) -> str:
        """What was chosen and why, in plain words."""
        chosen = (
            f"batches of {counted(self.size, 'image')}: about {size_text(self.plan.peak.total)} at the peak of a step"
        )
        within = f", of {size_text(self.plan.budget)} that may be used" if math.isfinite(self.plan.budget) else ""
        return chosen + within + (f"; {self.wanted} would take more" if self.size < self.wanted else "")


def fitting_batch(recipe: Recipe, dataset: Dataset, device: torch.device, *, sizes: Sequence[int]) -> FittingBatch:
    """The largest of `sizes`, which rise, up to the recipe's own whose steps fit the memory with everything kept.

    As the memory is planned, whose margin is a fifth of what is free (`step_memory`); on a GPU one step of a copy of
    the run is tried too, as libraries there take memory that no plan knows of. On a CPU it is not: a system that lends
    more than it has ends the program. Where none fits it is the smallest, and the run keeps less or halves its steps.
    """
    wanted = recipe.batch_size
    falling = [size for size in reversed(sizes) if recipe.accumulate <= size <= wanted] or [wanted]
    for size in falling:
        tried = replace(recipe, batch_size=size)
        try:
            plan = plan_memory_of(tried, recipe.network, dataset.train, device=device)
        except RecipeError:  # of a budget that was given
            if size == falling[-1]:
                raise
            continue
        is_last = size == falling[-1]
        if is_last or (plan.keeping.keeps_all and (device.type != "cuda" or has_room_for(tried, dataset, device))):
            return FittingBatch(size, wanted, plan)
    raise AssertionError("the last size is returned or refused")


def has_room_for(recipe: Recipe, dataset: Dataset, device: torch.device) -> bool:
    """Whether one step of a copy of the run has enough memory."""
    with trial(recipe, dataset, device) as copy:
        try:
            training_step(copy.learner, next(copy.batches), copy.task.recipe, step=0, dtype=copy.task.dtype)
        except StepOutOfMemory:
            return False
    return True
