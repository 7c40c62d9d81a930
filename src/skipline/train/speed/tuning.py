"""The ways to compute a step, timed in turn on this machine, and the one to train with."""

from __future__ import annotations

import gc
import itertools
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch

from skipline.data import Dataset, ImageSet
from skipline.train.folder.run_folder import RunFolder
from skipline.train.learner import make_learner
from skipline.train.memory.step_memory import StepMemory
from skipline.train.optimiser import make_optimiser
from skipline.train.recipe import Recipe
from skipline.train.speed.ways import Way
from skipline.train.task import endless_batches, make_task

FAR = 1.5  # guessed: who is so much slower in one step is not the fastest in the median of several
LEVEL = 0.02  # guessed: medians so close are equal, and then nothing changes
START_SECONDS = 10.0  # wanted: a run makes its first step within this and two more
_LONGEST_REASON = 160  # letters of a reason, so that it is a line


@dataclass(frozen=True, slots=True)
class Timing:
    """One way as it was timed, in seconds: NaN where it does not run here.

    `first_seconds`: from the recipe to the end of the first step; `step_seconds`: the median of later ones. `remark`:
    why it does not run, or what else is to be said.
    """

    way: Way
    step_seconds: float
    first_seconds: float
    remark: str = ""

    @property
    def runs(self) -> bool:
        """Whether there is a time."""
        return math.isfinite(self.step_seconds)

    @property
    def obstacle(self) -> str:
        """Why nobody should train this way, "" for nothing."""
        if not self.runs:
            return self.remark
        if not self.way.fused_optimiser:
            return "to compare with"
        if self.first_seconds > 2 * self.step_seconds + START_SECONDS:
            return f"its first step takes {self.first_seconds:.0f} s"
        return ""


def fastest(timings: Sequence[Timing], *, default: Way) -> Timing | None:
    """The one to train with: the fastest without an obstacle, but `default` where it is as fast within `LEVEL`."""
    usable = [timing for timing in timings if not timing.obstacle]
    if not usable:
        return None
    best = min(usable, key=lambda timing: timing.step_seconds)
    own = next((timing for timing in usable if timing.way == default), best)
    return own if own.step_seconds <= (1 + LEVEL) * best.step_seconds else best


@dataclass(slots=True)
class _TimedWay:
    way: Way
    first_seconds: float = math.nan
    seconds: list[float] = field(default_factory=list)
    remark: str = ""
    step: Callable[[], None] | None = None  # None: it has failed, or is over

    def timing(self) -> Timing:
        median = statistics.median(self.seconds) if self.seconds else math.nan
        return Timing(self.way, median, self.first_seconds, self.remark)

    def tried(self, run: Callable[[], object]) -> float:
        """The seconds of `run`; where it fails, NaN, and the reason is kept. Any error is one way that does not run."""
        begun = time.perf_counter()
        try:
            run()
        except Exception as error:
            self.step, self.seconds, self.first_seconds = None, [], math.nan
            self.remark = _reason(error)
            return math.nan
        return time.perf_counter() - begun


def time_ways(
    recipe: Recipe,
    dataset: Dataset,
    device: torch.device,
    *,
    ways: Sequence[Way],
    rounds: int,
    seconds: float,
    show: Callable[[Timing], None],
) -> tuple[Timing, ...]:
    """Each of `ways` timed on steps of `recipe`, in turn, `rounds` times after the first step: medians.

    Whole steps as training makes them, batches drawn and memory planned, on nets that are thrown away. `show` is called
    with each way after its first two steps; one that is `FAR` slower than the fastest then is not timed again, and its
    net is let go. A way that fails has its reason. After `seconds` no further one is begun, once one runs, and no
    further round. Compiled ways come last and are compiled once before: their first step is that of later runs, which
    find the code on the disk.
    """
    begun = time.perf_counter()
    timed = [_TimedWay(way) for way in ways]

    def is_over() -> bool:
        return time.perf_counter() - begun >= seconds and any(one.seconds for one in timed)

    with ExitStack() as stack:
        compiled = [one for one in timed if one.way.kernels == "compiled"]
        for one in [one for one in timed if one not in compiled]:
            _tried(one, timed, is_over(), show, partial(_begin, one, recipe, dataset, device, stack))
        for one in compiled:
            if not is_over():
                _compile_once(one, recipe, dataset, device, stack)
        if compiled:
            torch.compiler.reset()
        for one in compiled:
            _tried(one, timed, is_over(), show, partial(_begin, one, recipe, dataset, device, stack))
        for _ in range(rounds - 1):  # the step after the first was one
            if is_over():
                break
            for one in timed:
                if one.step is not None:
                    one.seconds.append(one.tried(one.step))
        for one in timed:
            one.step = None
    gc.collect()  # compiled nets, which refer to themselves: what follows wants their memory
    return tuple(one.timing() for one in timed)


def noise(*, num_images: int, image_size: int, in_channels: int, num_classes: int) -> Dataset:
    """Images of noise with labels of noise, to time steps on."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(
        0, 256, (num_images, in_channels, image_size, image_size), dtype=torch.uint8, generator=generator
    )
    part = ImageSet(images, torch.randint(0, num_classes, (num_images,), generator=generator))
    return Dataset("noise", part, part, tuple(map(str, range(num_classes))))


_FAILED = "does not run here: "
_UNTRIED = "not tried: the time was over"


def _tried(
    one: _TimedWay,
    timed: Sequence[_TimedWay],
    is_over: bool,
    show: Callable[[Timing], None],
    begin: Callable[[], None],
) -> None:
    """Begin `one` unless it has failed or the time `is_over`; show it, and let go of those that it leaves behind."""
    if is_over and not one.remark.startswith(_FAILED):
        one.remark = _UNTRIED
    elif not one.remark.startswith(_FAILED):
        begin()
    show(one.timing())
    _drop_far(timed)


def _begin(one: _TimedWay, recipe: Recipe, dataset: Dataset, device: torch.device, stack: ExitStack) -> None:
    """Make the first step of `one`, and the one after it."""

    def first() -> None:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="skipline-"))
        one.step = repeated_step(one.way, recipe, dataset, device=device, folder=Path(folder))
        one.step()

    one.first_seconds = one.tried(first)
    if one.step is not None:
        one.seconds.append(one.tried(one.step))


def _compile_once(one: _TimedWay, recipe: Recipe, dataset: Dataset, device: torch.device, stack: ExitStack) -> None:
    _begin(one, recipe, dataset, device, stack)
    if one.step is not None:
        one.remark = f"compiled once in {one.first_seconds:.0f} s"
    one.step, one.seconds = None, []
    gc.collect()  # as at the end of `time_ways`


def _drop_far(timed: Sequence[_TimedWay]) -> None:
    times = [one.seconds[0] for one in timed if one.step is not None]
    for one in timed:
        if one.step is not None and one.seconds[0] > FAR * min(times):
            one.step = None
            one.remark = "; ".join(part for part in (one.remark, "far slower: timed once") if part)


def repeated_step(
    way: Way, recipe: Recipe, dataset: Dataset, *, device: torch.device, folder: Path
) -> Callable[[], None]:
    """One step after another, as the loop makes them, each until the device is done.

    Unlike a `trial` it keeps what the recipe says of graphs, which is what is timed, and takes the start as drawn:
    what a start finds by looking at data is no part of a step.
    """
    own = way.applied(recipe)
    task = make_task(own, dataset, RunFolder(folder), device)
    learner = make_learner(own, device)
    if not way.fused_optimiser:
        optimiser = make_optimiser(learner.net, own.optimiser, halted=learner.halted, is_fused=False)
        learner = replace(learner, optimiser=optimiser)
    memory = StepMemory(task)
    learner = memory.planned(learner, step=0)
    drawn, steps = endless_batches(task), itertools.count()

    def step() -> None:
        loss, _ = memory.step(learner, next(drawn), step=next(steps))
        loss.item()
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # the loss is there before the optimiser is done

    return step


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return f"{_FAILED}{lines[0].partition('. ')[0].rstrip('.')[:_LONGEST_REASON]}"
