"""The memory of a run's steps: planned before the first one, and halved where it runs out after all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from skipline.amount import counted, size_text
from skipline.data import Batch, ImageSet
from skipline.memory import KEEP_ALL, MemoryPlan, Unfit, Workload, parse_size, plan_memory, smallest_plan
from skipline.spec import Network
from skipline.train.error import RecipeError
from skipline.train.learner import Learner
from skipline.train.memory.free_memory import free_memory
from skipline.train.memory.recompute import forward_through
from skipline.train.optimiser import kept_moments
from skipline.train.outcome import RanOut
from skipline.train.parts import plain_parts
from skipline.train.processes.team import is_lost
from skipline.train.recipe import Recipe
from skipline.train.speed.precision import compute_dtype
from skipline.train.step import StepOutOfMemory, training_step
from skipline.train.task import Task, batches

MEMORY = "memory.json"
_TRIAL_STEPS = 2  # derived: the first has no momentum yet to leave room for, the second has; later ones are alike
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
        self._has_ended = False
        self._copies: list[Tensor] = []  # of the running statistics, before the step
        self._tried: Counter[tuple[int, int]] = Counter()  # steps made, by parts and side of the images

    def planned(self, learner: Learner, *, step: int) -> Learner:
        """`learner`, keeping what fits the recipe's memory from `step` on; the same one while its net is the same.

        Raises `RecipeError` where a budget was given and no plan fits it.
        """
        task, network = self._task, learner.net.network
        if network == self._planned_for or task.recipe.memory == "all" or task.recipe.shard:
            return learner
        self._planned_for = network
        self._tried.clear()
        recipe = self._recipe(self._parts_at(step))
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

    def batches(self, epoch: int, first_batch: int) -> Iterator[Batch]:
        """This process's share of the batches of `epoch` from there on, which depends on the parts of each."""
        task, index = self._task, first_batch
        while index < task.steps_per_epoch:
            parts = self._parts_at(epoch * task.steps_per_epoch + index)
            for batch in self._drawn(epoch, index, parts):
                yield batch
                index += 1
                if self._parts_at(epoch * task.steps_per_epoch + index) != parts:
                    break

    def step(self, learner: Learner, batch: Batch, *, step: int) -> tuple[Tensor, Tensor]:
        """`training_step`, in more parts where memory runs out: the optimiser sees the whole batch once, as before.

        All processes of a team do so where one of them runs out, if they can be told of it (`Engine.is_apart`): always
        on a CPU with norms of their own, on CUDA in the first steps of a size. Raises what `training_step` raises, and
        `StepOutOfMemory` where a part is one image for each already, or where the others cannot be told; for that see
        `rescuing`.
        """
        team, most = self._task.team, max(1, batch.num_images // self._task.team.size)
        while True:
            statistics = list(learner.net.buffers())
            before = self._copied(statistics)
            parts = min(self._parts_at(step), most)
            self._choose_when_to_send(learner, parts, batch.images.shape[2])
            try:
                result = training_step(learner, batch, self._recipe(parts), step=step, dtype=self._task.dtype)
                self._notes += learner.take_notes()
                return result
            except StepOutOfMemory as error:
                ran_out = str(error)
            except RuntimeError:
                if not team.is_alone and self._task.device.type == "cpu":
                    _put_back(statistics, before)  # to be saved, if the others ran out of memory
                raise
            # Here the failed step's tensors are gone: the exception that held them is.
            learner.optimiser.zero_grad(set_to_none=True)
            _put_back(statistics, before)
            if parts >= most:
                raise StepOutOfMemory(ran_out)
            is_told = team.is_alone or learner.engine.is_apart
            if learner.step_graph is not None:
                learner.step_graph.forget()
            if is_told and self._task.device.type == "cuda":
                torch.cuda.empty_cache()
            self._halve(step, min(2 * parts, most), batch.num_images, writes=team.leads or not is_told)
            if not is_told:
                self._has_ended = True
                raise StepOutOfMemory(ran_out)
            if learner.engine.gradient_sum is not None:
                learner.engine.gradient_sum.renew()
                batch = next(self._drawn(*divmod(step, self._task.steps_per_epoch), self._parts_at(step)))

    @contextmanager
    def rescuing(self, save: Callable[[], None]) -> Iterator[None]:
        """Within, a run of several processes that ends for want of memory ends with what it takes to go on.

        Where the others could not be told, the process that ran out has written from which step on there are more
        parts, and ends; they lose it in the middle of the step, and find that written. `save` is called by the leader
        while it holds what there was before the step. Raises `RanOut` in every process.
        """
        task = self._task
        try:
            yield
        except (StepOutOfMemory, RuntimeError) as error:
            if not self._has_ended and not (isinstance(error, RuntimeError) and self._another_has_ended(error)):
                raise
            # Elsewhere it would wait for a device that waits for the others, or needs them to put the net together.
            is_saved = task.device.type == "cpu" and not task.recipe.shard
            if is_saved and task.team.leads:
                save()
            halving = self._document["halvings"][-1]
            ended = RanOut(step=halving["step"], parts=halving["parts"], run=task.folder.path, is_saved=is_saved)
            raise ended from error

    @property
    def has_notes(self) -> bool:
        """Whether there are notes that `take_notes` has not given."""
        return bool(self._notes)

    def take_notes(self) -> tuple[str, ...]:
        """What a person should know since the last call, in sentences."""
        notes = tuple(self._notes)
        self._notes.clear()
        return notes

    def _copied(self, statistics: list[Tensor]) -> list[Tensor]:
        """Copies that hold until the next call, in a few launches: every step makes them, for the one that fails."""
        if [copy.shape for copy in self._copies] != [tensor.shape for tensor in statistics]:  # the net has grown
            self._copies = [torch.empty_like(tensor) for tensor in statistics]
        for dtype in {tensor.dtype for tensor in statistics}:
            chosen = [index for index, tensor in enumerate(statistics) if tensor.dtype == dtype]
            copies, tensors = [self._copies[index] for index in chosen], [statistics[index] for index in chosen]
            torch._foreach_copy_(copies, tensors)  # pyright: ignore[reportPrivateImportUsage]
        return self._copies

    def _parts_at(self, step: int) -> int:
        halved = [entry["parts"] for entry in self._document["halvings"] if entry["step"] <= step]
        return max([self._task.recipe.accumulate, *halved])

    def _recipe(self, parts: int) -> Recipe:
        """The run's recipe in so many parts; without the graph of a whole batch, which parts do not have."""
        recipe = self._task.recipe
        return recipe if parts == recipe.accumulate else replace(recipe, accumulate=parts, step_graph=False)

    def _drawn(self, epoch: int, first_batch: int, parts: int) -> Iterator[Batch]:
        task = replace(self._task, recipe=self._recipe(parts))
        return batches(task, epoch, first_batch, share=task.team.share)

    def _choose_when_to_send(self, learner: Learner, parts: int, side: int) -> None:
        """On CUDA gradients are sent late in a net's first steps of a size: there memory runs out, if it does."""
        if learner.engine.gradient_sum is not None and self._task.device.type == "cuda":
            learner.engine.gradient_sum.be_late(self._tried[parts, side] < _TRIAL_STEPS)
            self._tried[parts, side] += 1

    def _another_has_ended(self, error: RuntimeError) -> bool:
        """Whether `error` is that another process is gone, and it was for want of memory."""
        if self._task.team.is_alone or not is_lost(error) or not (self._task.folder.path / MEMORY).exists():
            return False
        document = self._task.folder.read(MEMORY)
        known, self._document = self._document, document
        return len(document["halvings"]) > len(known["halvings"])

    def _halve(self, step: int, more: int, num_images: int, *, writes: bool) -> None:
        self._document["halvings"].append({"step": step, "parts": more})
        if writes:
            self._task.folder.write(MEMORY, self._document)
        size = -(-num_images // more)
        seen = f" Batch norm sees {counted(size, 'image')} at a time from here on, which is not the same."
        if self._task.recipe.network.norm.kind != "batch":
            seen = ""
        self._notes.append(
            f"memory ran out in step {step:,}: from it on a batch is computed in {counted(more, 'part')} of "
            f"{counted(size, 'image')}, and the optimiser still sees all {num_images} at once.{seen}"
        )


def _put_back(buffers: Sequence[Tensor], before: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for buffer, old in zip(buffers, before, strict=True):
            buffer.copy_(old)


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
        optimiser_slots=len(kept_moments(recipe.optimiser)),
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
