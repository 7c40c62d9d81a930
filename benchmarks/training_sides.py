"""The sides of a training benchmark: how each makes its steps, and how all of them are timed in turn."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from machine import glibc_default, seconds_of
from plain_resnet import plain_step
from step_profile import StepProfile, profile_step
from torch import Tensor, nn
from torch.nn import functional
from training_case import Case, peer

from skipline.allocator import keep_freed_memory
from skipline.data import Dataset
from skipline.train import PRESETS, Recipe
from skipline.train.speed.precision import has_bf16
from skipline.train.speed.tuning import noise, repeated_step
from skipline.train.speed.ways import Way
from skipline.zoo import describe

SIDES = ("peer", "best peer", "default", "tuned")
"""Plain PyTorch or timm; the same, configured as well as its users can; ours as it comes; ours as it was measured."""

Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Timed:
    """How sides are timed: how often, for how many seconds at most (after two rounds), and on what heap.

    `settles`: each timed step has one before it that is not timed, which finds the heap as another side left it; else
    only the first has.
    """

    rounds: int
    seconds: float
    settles: bool
    shared_allocator: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a case: from its net to the end of its first step, and its steps round by round, in seconds.

    `peak_bytes`: the most that it allocates itself within its first two steps, on a GPU; else 0.
    """

    name: str
    way: str
    is_bf16: bool
    batch_size: int
    first_seconds: float
    round_seconds: tuple[float, ...]
    peak_bytes: int
    profile: StepProfile | None  # None: of no interest here, and its time is saved

    @property
    def step_seconds(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.round_seconds)

    @property
    def images_per_second(self) -> float:
        """By that median."""
        return self.batch_size / self.step_seconds


def time_in_turn(case: Case, device: torch.device, ways: Mapping[str, Way], timed: Timed) -> tuple[Side, ...]:
    """The sides of `case`, one step of each after the other; `ways`: by name, those that are ours with their way.

    On a GPU every side is profiled in a further step, on a CPU the last one.
    """
    begun = time.perf_counter()
    with ExitStack() as stack:
        makers = {name: _maker(name, way, case, device, stack) for name, way in ways.items()}
        steps, firsts, peaks = {}, {}, {}
        for name, make in makers.items():
            steps[name], firsts[name], peaks[name] = _begun(make, device)
        times: dict[str, list[float]] = {name: [] for name in makers}
        done = 0
        while done < timed.rounds and (done < 2 or time.perf_counter() - begun < timed.seconds):
            for name, step in steps.items():
                glibc_default() if "peer" in name and not timed.shared_allocator else keep_freed_memory()
                if done == 0 or timed.settles:
                    step()  # not timed: it finds the heap as another side left it
                times[name].append(seconds_of(step, device))
            done += 1
        profiled = list(steps) if device.type == "cuda" else list(steps)[-1:]
        profiles = {
            name: profile_step(steps[name], device, step_seconds=statistics.median(times[name])) for name in profiled
        }
    gc.collect()  # the nets of these sides; the next ones want the memory
    return tuple(
        Side(
            name,
            way.name,
            way.precision == "bf16",
            case.batch_size,
            firsts[name],
            tuple(times[name]),
            peaks[name],
            profiles.get(name),
        )
        for name, way in ways.items()
    )


def ways_of_peers(device: torch.device) -> dict[str, Way]:
    """What the peers' steps are, in our words."""
    precision = "bf16" if has_bf16(device) else "fp32"
    return {
        "peer": Way("eager fp32", "fp32", "contiguous", "plain", fused_optimiser=False),
        "best peer": Way(f"eager {precision}, channels-last, fused SGD", precision, "channels_last", "plain"),
    }


def recipe_of(case: Case) -> Recipe:
    """What `skipline train` makes of a case."""
    network = describe(case.model, num_classes=case.num_classes)
    return replace(PRESETS["quick"](network, "cifar10"), batch_size=case.batch_size)


def data_of(case: Case) -> Dataset:
    """Two batches of noise."""
    return noise(
        num_images=2 * case.batch_size, image_size=case.image_size, in_channels=3, num_classes=case.num_classes
    )


def best_step(net: nn.Module, images: Tensor, labels: Tensor) -> Step:
    """One eager step as somebody writes it who knows PyTorch: channels-last, bf16 where it helps, fused optimiser."""
    device = images.device
    net = net.to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]  # torch's stubs
    images = images.contiguous(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, fused=True)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=torch.bfloat16) if has_bf16(device) else nullcontext():
            loss = functional.cross_entropy(net(images).float(), labels)
        loss.backward()
        optimiser.step()

    return step


def _maker(name: str, way: Way, case: Case, device: torch.device, stack: ExitStack) -> Callable[[], Step]:
    """How the steps of the side called `name` are made."""
    data = data_of(case)
    if "peer" not in name:
        folder = stack.enter_context(TemporaryDirectory(prefix="skipline-"))
        return lambda: repeated_step(way, recipe_of(case), data, device=device, folder=Path(folder))
    images = (data.train.images[: case.batch_size].float() / 255).to(device)
    labels = data.train.labels[: case.batch_size].to(device)
    made = plain_step if name == "peer" else best_step
    return lambda: made(peer(case).to(device), images, labels)


def _begun(make: Callable[[], Step], device: torch.device) -> tuple[Step, float, int]:
    """A side's step, the seconds to the end of the first one, and the bytes it took at most in two.

    They are counted here: what a CUDA graph computes in is taken while it is recorded, and launching it takes nothing.
    """
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device) if on_gpu else 0
    start = time.perf_counter()
    step = make()
    seconds = time.perf_counter() - start + seconds_of(step, device)
    if not on_gpu:
        return step, seconds, 0
    step()
    return step, seconds, torch.cuda.max_memory_allocated(device) - before
