"""The memory of a run's steps: planned before the first one, and halved where it runs out after all."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from skipline.amount import counted, size_text
from skipline.data import Batch, ImageSet
from skipline.memory import KEEP_ALL, MemoryPlan, Unfit, Workload, parse_size, plan_memory, smallest_plan
from skipline.spec import Network
from skipline.train.free_memory import free_memory
from skipline.train.fusion import plain_parts
from skipline.train.learner import Learner
from skipline.train.optimiser import Sgd
from skipline.train.precision import compute_dtype
from skipline.train.recipe import Recipe
from skipline.train.recompute import forward_through
from skipline.train.refuse import RecipeError
from skipline.train.step import StepOutOfMemory, training_step
from skipline.train.task import Task

MEMORY = "memory.json"
_USABLE = 0.8  # of free memory: a prediction holds within 15 %, and what libraries take for themselves is not in it


class StepMemory:
    """What the steps of one run keep, and in how many parts each batch is computed.

    Both are in the run's `memory.json`: what was planned, and the steps from which on a batch has more parts. A run
    that is taken up has the parts that it had, for batch norms see a part at a time; what is kept changes no bit.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._planned_for: Network | None = None  # none yet
        self._notes: list[str] = []
        self._document: dict[str, Any] = {"format": "skipline.memory", "version": 1, "plan": {}, "halvings": []}
        if (task.folder.path / MEMORY).exists():
            self._document = task.folder.read(MEMORY)

    def planned(self, learner: Learner, *, step: int) -> Learner:
        """`learner`, keeping what fits the recipe's memory from `step` on; the same one while its net is the same.

        Raises `RecipeError` where a budget was given and no plan fits it.
        """
        task, network = self._task, learner.net.network
        if network == self._planned_for or task.recipe.memory == "all" or task.recipe.shard:
            return learner
        self._planned_for = network
        recipe = replace(task.recipe, accumulate=self._parts_at(step))
        own = plan_memory_of(recipe, network, task.train, device=task.device, num_processes=task.team.size)
        plan = task.team.from_leader(own)
        if plan.keeping.keeps_all and task.recipe.memory == "auto":
            return learner
        if learner.graphs is not None and not plan.keeping.keeps_all:
            raise RecipeError(
                f"kernels is 'compiled', and a compiled block decides itself what it keeps; but {plan.sentence()}. "
                "Train with kernels 'auto', or with memory 'all' to keep everything."
            )
        self._notes.append(plan.sentence())
        self._document["plan"] = _told(plan)
        if task.team.leads:
            task.folder.write(MEMORY, self._document)
        return replace(learner, keeping=plan.keeping, forward=_forward(learner, plan))

    def step(self, learner: Learner, batch: Batch, *, step: int) -> tuple[Tensor, Tensor]:
        """`training_step`, in more parts where memory runs out: the optimiser sees the whole batch once, as before.

        Raises what `training_step` raises; `StepOutOfMemory` where a part is one image already, and where several
        processes train: the others wait in the middle of the same step, and cannot be told.
        """
        while True:
            statistics = list(learner.net.buffers())
            before = [buffer.clone() for buffer in statistics]
            parts = self._parts_at(step)
            recipe = replace(self._task.recipe, accumulate=parts)
            try:
                result = training_step(learner, batch, recipe, step=step, dtype=self._task.dtype)
                self._notes += learner.take_notes()
                return result
            except StepOutOfMemory:
                if parts >= batch.num_images or not self._task.team.is_alone:
                    raise
            # Here the failed step's tensors are gone: the exception that held them is.
            learner.optimiser.zero_grad(set_to_none=True)
            for buffer, old in zip(statistics, before, strict=True):
                buffer.copy_(old)
            if self._task.device.type == "cuda":
                torch.cuda.empty_cache()
            self._halve(step, parts, batch.num_images)

    @property
    def has_notes(self) -> bool:
        """Whether there are notes that `take_notes` has not given."""
        return bool(self._notes)

    def take_notes(self) -> tuple[str, ...]:
        """What a person should know since the last call, in sentences."""
        notes = tuple(self._notes)
        self._notes.clear()
        return notes

    def _parts_at(self, step: int) -> int:
        halved = [entry["parts"] for entry in self._document["halvings"] if entry["step"] <= step]
        return max([self._task.recipe.accumulate, *halved])

    def _halve(self, step: int, parts: int, num_images: int) -> None:
        more = min(2 * parts, num_images)
        self._document["halvings"].append({"step": step, "parts": more})
        self._task.folder.write(MEMORY, self._document)
        size = -(-num_images // more)
        seen = f" Batch norm sees {counted(size, 'image')} at a time from here on, which is not the same."
        if self._task.recipe.network.norm.kind != "batch":
            seen = ""
        self._notes.append(
            f"memory ran out in step {step:,}: from it on a batch is computed in {counted(more, 'part')} of "
            f"{counted(size, 'image')}, and the optimiser still sees all {num_images} at once.{seen}"
        )


def plan_memory_of(
    recipe: Recipe, network: Network, images: ImageSet, *, device: torch.device, num_processes: int = 1
) -> MemoryPlan:
    """The plan for training `network` on `images` under the recipe's `memory`, for each of `num_processes`.

    Raises `RecipeError` where a budget was given and no plan fits it.
    """
    load = Workload(
        batch_size=-(-min(recipe.batch_size, len(images)) // num_processes),
        image_size=images.images.shape[2],
        in_channels=network.in_channels,
        num_parts=recipe.accumulate,
        element_bytes=compute_dtype(recipe.precision, device).itemsize,
        optimiser_slots=_slots(recipe),
        has_average=recipe.ema_decay > 0,
    )
    if recipe.memory == "all":
        return plan_memory(network, load, budget=math.inf)
    if recipe.memory != "auto":
        try:
            return plan_memory(network, load, budget=parse_size(recipe.memory))
        except Unfit as error:
            raise RecipeError(f"memory is {recipe.memory!r}, and {error}") from error
    sharers = num_processes if device.type == "cpu" else 1  # those on one machine have its memory together
    try:
        return plan_memory(network, load, budget=_USABLE * free_memory(device) / sharers)
    except Unfit:  # a prediction is no reason to refuse: where it was right, the batch is halved
        return smallest_plan(network, load)


def _slots(recipe: Recipe) -> int:
    if isinstance(recipe.optimiser, Sgd):
        return int(recipe.optimiser.momentum > 0)
    return 2


def _forward(learner: Learner, plan: MemoryPlan) -> Callable[[Tensor], Tensor]:
    if plan.keeping == KEEP_ALL:
        return learner.forward
    parts = learner.parts or plain_parts(learner.in_step)
    return learner.engine.passed(forward_through(parts, plan.keeping))


def _told(plan: MemoryPlan) -> dict[str, Any]:
    return {
        "sentence": plan.sentence(),
        "budget": size_text(plan.budget) if math.isfinite(plan.budget) else "none",
        "peak_bytes": plan.peak.total,
        "activation_bytes": plan.peak.activations,
        "extra": plan.extra,
        "segments": [[segment.num_parts, segment.keep] for segment in plan.keeping.segments],
    }
