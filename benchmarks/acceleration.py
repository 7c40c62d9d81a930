"""Training speed, one table: the way that skipline chooses by measuring against plain PyTorch and timm, in turn.

Each net is trained in one process by four sides, one step of each after the other, several rounds; medians count:

- peer: plain PyTorch (CIFAR) or timm (photographs) as in tutorials, eager fp32, NCHW;
- best peer: the same net, channels-last, bf16 autocast where the hardware has it, PyTorch's fused optimiser;
- default: `skipline train` as it comes; and tuned: the fastest of `train/ways.py` on this machine (if it is another).

Printed are images a second, ratios to both peers (of medians; in brackets the quartiles over the rounds), images a
second × depth, the first step (from the recipe to its end) in seconds and in steady steps, and the share of the GEMM
that the machine reaches in the same run. On CUDA also kernel launches a step, peak memory, and the share of what memory
bandwidth allows if each norm were part of its convolution (`floor_bytes`). Run nothing else beside it.

    python benchmarks/acceleration.py [--rounds 5] [--models cifar20,cifar110] [--json FILE]
    python benchmarks/acceleration.py --sides peer,default --settle --rounds 13 --minutes 30

It takes under eight minutes: a net's rounds end when its share of --minutes is used up, after two at least. Without the
side "tuned" nothing is tried before. On a CPU each side has its own memory allocator settings: ours those that
`skipline train` sets for its process, the peers those that glibc's own rule arrives at (thresholds that follow the
largest block freed, at most 32 and 64 MiB); with --shared-allocator all have ours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from machine import glibc_default, limits, seconds_of
from peers import PeerMissingError
from plain_resnet import plain_step
from torch import Tensor, nn
from torch.nn import functional
from training_case import Case, peer

from skipline.cost import cost
from skipline.data import Dataset
from skipline.nn import assemble
from skipline.nn.block import Add
from skipline.spec import Network
from skipline.train import PRESETS, Recipe, environment
from skipline.train.allocator import keep_freed_memory
from skipline.train.precision import has_bf16
from skipline.train.tuning import Timing, fastest, noise, repeated_step, time_ways
from skipline.train.ways import WAYS, Way, graphed, own_way
from skipline.zoo import describe

CASES = {
    "cpu": (
        Case("cifar20", "cifar_resnet20", 32, 10, 128, 3.0),
        Case("cifar110", "cifar_resnet110", 32, 10, 128, 3.0),
        Case("cifar1202", "cifar_resnet1202", 32, 10, 32, 3.0),
        Case("resnet18", "resnet18", 224, 1000, 32, 3.0),
    ),
    "cuda": (
        Case("cifar20", "cifar_resnet20", 32, 10, 512, 3.0),
        Case("cifar110", "cifar_resnet110", 32, 10, 512, 3.0),
        Case("cifar1202", "cifar_resnet1202", 32, 10, 256, 3.0),
        Case("resnet50", "resnet50", 224, 1000, 256, 3.0),
    ),
}
_BEST_PEER = 1.2  # the least ratio wanted to the best-configured peer
SIDES = ("peer", "best peer", "default", "tuned")
_LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx", "cudaGraphLaunch")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is measured of each case: which sides, how often, for how long at most, and on what heap.

    `settles`: each timed step has one before it that is not timed, which finds the heap as another side left it; else
    only the first has.
    """

    sides: tuple[str, ...]
    ways: tuple[Way, ...]
    rounds: int
    seconds: float
    settles: bool
    shared_allocator: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a case, its `step_seconds` a median over rounds; on a CPU there are no launches and no peak (0)."""

    name: str
    images_per_second: float
    first_seconds: float
    step_seconds: float
    round_seconds: tuple[float, ...]
    launches: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Result:
    """A case with its sides in the order they are printed, and what the machine allows."""

    case: str
    batch_size: int
    depth: int
    rounds: int
    way: str
    sides: tuple[Side, ...]
    gemm_share: float
    floor_share: float

    def ratio(self, to: str) -> float:
        """How many times the last side is as fast as the one called `to`."""
        return self.sides[-1].images_per_second / self._side(to).images_per_second

    def quartiles(self, to: str) -> tuple[float, float]:
        """The lower and the upper quartile of that ratio, round by round."""
        rounds = zip(self._side(to).round_seconds, self.sides[-1].round_seconds, strict=True)
        ratios = [theirs / ours for theirs, ours in rounds]
        if len(ratios) == 1:
            return ratios[0], ratios[0]
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, high

    def _side(self, name: str) -> Side:
        return next(side for side in self.sides if side.name == name)


def best_step(net: nn.Module, images: Tensor, labels: Tensor) -> Callable[[], None]:
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


def tuned_way(case: Case, device: torch.device, *, ways: tuple[Way, ...]) -> Way:
    """The fastest of `ways` in a short trial."""
    recipe = _recipe(case)
    timings = time_ways(recipe, _noise(case), device, ways=ways, rounds=2, show=_show)
    chosen = fastest(timings, default=own_way(graphed(recipe, device), device))
    if chosen is None:
        sys.exit(f"{case.name}: no way runs here: {timings[0].remark}")
    return chosen.way


def measure(case: Case, machine: Mapping[str, Any], device: torch.device, wanted: Wanted) -> Result:
    """Time the sides of `case` in turn, until the rounds or (after two) the seconds are over; `machine` with limits."""
    begun = time.perf_counter()
    default = own_way(graphed(_recipe(case), device), device)
    way = tuned_way(case, device, ways=wanted.ways) if "tuned" in wanted.sides else default
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        makers = _makers(case, device, {"default": (default, Path(one)), "tuned": (way, Path(other))})
        makers = {name: make for name, make in makers.items() if name in wanted.sides}
        if way == default and "default" in makers:
            makers.pop("tuned", None)
        steps, firsts = {}, {}
        for name, make in makers.items():
            start = time.perf_counter()
            steps[name] = make()
            firsts[name] = time.perf_counter() - start + seconds_of(steps[name], device)
        times: dict[str, list[float]] = {name: [] for name in makers}
        done = 0
        while done < wanted.rounds and (done < 2 or time.perf_counter() - begun < wanted.seconds):
            for name, step in steps.items():
                glibc_default() if "peer" in name and not wanted.shared_allocator else keep_freed_memory()
                if done == 0 or wanted.settles:
                    step()  # not timed: it finds the heap as another side left it
                times[name].append(seconds_of(step, device))
            done += 1
        sides = tuple(_side(name, case, firsts[name], times[name], steps[name], device) for name in makers)
    return _result(case, way, sides, done, machine)


def _makers(
    case: Case, device: torch.device, own: Mapping[str, tuple[Way, Path]]
) -> dict[str, Callable[[], Callable[[], None]]]:
    """How each side's step is made, by name; `own`: the ways of those that are ours, and a folder for each."""
    data = _noise(case)
    images = (data.train.images[: case.batch_size].float() / 255).to(device)
    labels = data.train.labels[: case.batch_size].to(device)

    def ours(way: Way, folder: Path) -> Callable[[], Callable[[], None]]:
        return lambda: repeated_step(way, _recipe(case), data, device, folder)

    return {
        "peer": lambda: plain_step(peer(case).to(device), images, labels),
        "best peer": lambda: best_step(peer(case).to(device), images, labels),
        **{name: ours(way, folder) for name, (way, folder) in own.items()},
    }


def floor_bytes(network: Network, image_size: int, element_bytes: int) -> int:
    """Bytes that a training step moves for an image at least, with each norm in its convolution's prologue or epilogue.

    In elements: forward `Ein + Eout + 3 A`, backward `4 Eout + 3 Ein + 2 A`, over inputs and outputs of convolutions
    and the outputs A of additions.
    """
    net = assemble(network, device="meta")
    counts = {"in": 0, "out": 0, "sum": 0}

    def conv(_: nn.Module, given: tuple[Tensor, ...], y: Tensor) -> None:
        counts["in"] += given[0].numel()
        counts["out"] += y.numel()

    def add(_: nn.Module, __: object, y: Tensor) -> None:
        counts["sum"] += y.numel()

    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(conv)
        elif isinstance(module, Add):
            module.register_forward_hook(add)
    with torch.no_grad():
        net(torch.empty(2, network.in_channels, image_size, image_size, device="meta"))
    return (4 * counts["in"] + 5 * counts["out"] + 5 * counts["sum"]) * element_bytes // 2


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sides", default=",".join(SIDES), help="with commas; default: all")
    parser.add_argument("--settle", action="store_true", help="before each timed step one that is not timed")
    parser.add_argument("--shared-allocator", action="store_true")
    parser.add_argument("--models", default="", help="with commas; default: all")
    parser.add_argument("--batch-size", type=int, default=0, help="for all; default: each its own")
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--ways", default="", help="try only ways with this in their name, e.g. bf16; default: all")
    parser.add_argument("--compiled", action="store_true", help="on a CPU too, where compiling takes minutes")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    models = _chosen("--models", arguments.models, [case.name for case in CASES[device.type]])
    cases = [case for case in CASES[device.type] if case.name in models]
    sides = _chosen("--sides", arguments.sides, SIDES)
    if not {"default", "tuned"} & set(sides):
        sys.exit(f"--sides is {arguments.sides!r}; expected default or tuned among them: others are compared with it.")
    if arguments.batch_size:
        cases = [replace(case, batch_size=arguments.batch_size) for case in cases]
    ways = tuple(
        way
        for way in WAYS
        if arguments.ways in way.name and (way.kernels != "compiled" or device.type == "cuda" or arguments.compiled)
    )
    try:
        for case in cases:
            peer(case)  # before anything is timed
    except PeerMissingError as error:
        sys.exit(f"{error} Or leave that net out with --models.")
    machine = {**environment(device), **limits(device)}
    print(f"{machine['processor']}, {machine['threads']} threads, {machine['device']}, torch {machine['torch']}")
    print(
        f"GEMM {machine['gemm_fp32_gflops']:.0f} GFLOP/s fp32, {machine['gemm_bf16_gflops']:.0f} bf16; "
        f"copy {machine['copy_gb_per_second']:.0f} GB/s"
    )
    wanted = Wanted(
        sides=sides,
        ways=ways,
        rounds=arguments.rounds,
        seconds=60 * arguments.minutes / len(cases),
        settles=arguments.settle,
        shared_allocator=arguments.shared_allocator,
    )
    results = []
    for case in cases:
        results.append(measure(case, machine, device, wanted))
        _print(results[-1], case)
    if arguments.json:
        document = {"machine": machine, "results": [asdict(result) for result in results]}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _chosen(option: str, text: str, there_are: Sequence[str]) -> tuple[str, ...]:
    """The names in `text`, with commas; all of them where it is empty."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = sorted(set(names) - set(there_are))
    if unknown:
        sys.exit(f"{option}: there is no {unknown[0]}; expected {', '.join(there_are)}.")
    return tuple(name for name in there_are if name in names or not names)


def _side(
    name: str, case: Case, first: float, seconds: Sequence[float], step: Callable[[], None], device: torch.device
) -> Side:
    launches, peak, median = 0, 0, statistics.median(seconds)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        step()
        torch.cuda.synchronize(device)
        peak = torch.cuda.max_memory_allocated(device)
        activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
        with torch.profiler.profile(activities=activities) as profile:
            step()
            torch.cuda.synchronize(device)
        launches = sum(event.count for event in profile.key_averages() if event.key in _LAUNCHES)
    return Side(name, case.batch_size / median, first, median, tuple(seconds), launches, peak)


def _result(case: Case, way: Way, sides: tuple[Side, ...], rounds: int, machine: Mapping[str, Any]) -> Result:
    network = _network(case)
    rate = sides[-1].images_per_second
    is_bf16 = way.precision == "bf16"
    gflops = 3 * 2 * cost(network, image_size=case.image_size).macs * rate / 1e9  # backward: two products for one
    gemm = machine["gemm_bf16_gflops" if is_bf16 else "gemm_fp32_gflops"]
    floor = floor_bytes(network, case.image_size, 2 if is_bf16 else 4)
    return Result(
        case=case.name,
        batch_size=case.batch_size,
        depth=network.depth,
        rounds=rounds,
        way=way.name,
        sides=sides,
        gemm_share=gflops / gemm,
        floor_share=rate * floor / (machine["copy_gb_per_second"] * 1e9),
    )


def _print(result: Result, case: Case) -> None:
    print(f"\n{result.case}, batches of {result.batch_size}, {result.rounds} rounds; ours: {result.way}")
    print(f"  {'side':<10} {'images/s':>9} {'ms a step':>10} {'× depth':>9} {'first step':>11} {'in steps':>8}", end="")
    print(f" {'launches':>8} {'peak MiB':>9}" if result.sides[0].launches else "")
    for side in result.sides:
        line = (
            f"  {side.name:<10} {side.images_per_second:>9,.1f} {side.step_seconds * 1e3:>10,.1f} "
            f"{side.images_per_second * result.depth:>9,.0f} {side.first_seconds:>9,.2f} s "
            f"{side.first_seconds / side.step_seconds:>8.1f}"
        )
        print(line + (f" {side.launches:>8,} {side.peak_bytes / 2**20:>9,.0f}" if side.launches else ""))
    ratios = ""
    for name, least in (("peer", case.target), ("best peer", _BEST_PEER)):
        if any(side.name == name for side in result.sides[:-1]):
            low, high = result.quartiles(name)
            ratios += f"{result.ratio(name):.2f} ({low:.2f} to {high:.2f}) × {name}, wanted {least:.1f}; "
    print(f"  {ratios}{result.gemm_share:.0%} of the GEMM, {result.floor_share:.0%} of the bandwidth floor", flush=True)


def _network(case: Case) -> Network:
    return describe(case.model, num_classes=case.num_classes)


def _recipe(case: Case) -> Recipe:
    return replace(PRESETS["quick"](_network(case), "cifar10"), batch_size=case.batch_size)


def _noise(case: Case) -> Dataset:
    return noise(
        num_images=2 * case.batch_size, image_size=case.image_size, in_channels=3, num_classes=case.num_classes
    )


def _show(timing: Timing) -> None:
    said = f"{timing.step_seconds * 1e3:,.0f} ms" if timing.runs else timing.remark
    print(f"  {timing.way.name}: {said}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
