"""A copy of a run that is thrown away: to try what the run should be before it begins."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from skipline.data import Batch, Dataset
from skipline.train.fine_tuning import begin_as, write_start
from skipline.train.folder.run_folder import RunFolder
from skipline.train.learner import Learner, look_at_data, make_learner
from skipline.train.memory.step_memory import StepMemory
from skipline.train.recipe import Recipe
from skipline.train.speed.kernels import kernels_for
from skipline.train.task import Task, endless_batches, fit_sample, make_task


@dataclass(frozen=True, slots=True)
class Trial:
    """A run's copy before its first step, and its batches from the first one on, epoch after epoch, without end."""

    task: Task
    learner: Learner
    memory: StepMemory
    batches: Iterator[Batch]


@contextmanager
def trial(recipe: Recipe, dataset: Dataset, device: torch.device) -> Iterator[Trial]:
    """While the block lasts, a copy of the run of `recipe`, which begins as the run would and sees its batches.

    At the images' whole size, with all of the net learning, and as deep as it begins. It has a folder of its own, which
    is gone afterwards, and nothing that the run draws depends on it. Raises what training does before its first step.
    """
    kernels = kernels_for(recipe, device)
    copy = replace(
        recipe,
        kernels=kernels.name,
        head_epochs=0,
        first_size=1.0,
        deepen=(),
        shard=False,
        step_graph=False,
    )
    with tempfile.TemporaryDirectory(prefix="skipline-") as place:
        task = make_task(copy, dataset, RunFolder(Path(place)), device)
        learner, memory = _begun(task), StepMemory(task)
        yield Trial(task, memory.planned(learner, step=0), memory, endless_batches(task))


def _begun(task: Task) -> Learner:
    """The learner as the run's own would be before its first step."""
    learner = make_learner(task.recipe, task.device)
    if task.recipe.start_from:
        write_start(task.folder.start, task.recipe)
        begin_as(learner, task.folder.start)
    else:
        look_at_data(learner, task.recipe, lambda: fit_sample(task))
    return learner
