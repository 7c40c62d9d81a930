"""Training speed in one run: what skipline does against plain PyTorch and timm, in turn, and where the time goes.

Each net is trained in one process by four sides, one step of each after the other, several rounds; medians count:

- peer: plain PyTorch (CIFAR) or timm (photographs) as in tutorials, eager fp32, NCHW;
- best peer: the same net, channels-last, bf16 autocast where the hardware has it, PyTorch's fused optimiser;
- default: `skipline train` as it comes;
- tuned: the fastest of `train/speed/ways.py` on this machine, if it is another.

Printed of each: images a second, milliseconds a step, images a second × depth, the first step (from the recipe to its
end) in seconds and in steady steps, its share of the GEMM that the machine reaches in the same run, and of what memory
bandwidth allows if each norm were part of its convolution (`bandwidth_floor.py`); on CUDA also kernel launches and the
most memory that it allocates. Then ratios to both peers (of medians; in brackets the quartiles over the rounds), and
what a step of ours goes into, by kind of work: on CUDA with the share in which the device waits (`step_profile.py`).
At the end stands what was wanted. Run nothing else beside it.

    python benchmarks/acceleration.py [--rounds 5] [--models cifar20,cifar110] [--json FILE]
    python benchmarks/acceleration.py --sides peer,default --settle --rounds 13 --minutes 30

It takes under eight minutes. First every net is timed as it comes, for three fifths of --minutes and two rounds at
least; ways are tried in what is left, the promising ones first, and where another one is the fastest the sides are
timed again with it. Without the side "tuned" nothing is tried. On a CPU each side has its own memory allocator
settings: ours those that `skipline train` sets for its process, the peers those that glibc's own rule arrives at
(thresholds that follow the largest block freed, at most 32 and 64 MiB); with --shared-allocator all have ours.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from bandwidth_floor import floor_bytes
from machine import limits
from peers import PeerMissingError
from speed_table import Result, summary
from training_case import Case, peer
from training_sides import SIDES, Timed, data_of, recipe_of, time_in_turn, ways_of_peers

from skipline.costs import cost
from skipline.train import environment
from skipline.train.speed.tuning import Timing, fastest, time_ways
from skipline.train.speed.ways import WAYS, Way, graphed, own_way

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
FIRST = 0.6  # of the time, for every net as it comes; guessed: trying ways is what can be left out


def main() -> None:
    """Parse, measure, print."""
    arguments = _arguments()
    device = torch.device(arguments.device)
    models = _chosen("--models", arguments.models, [case.name for case in CASES[device.type]])
    cases = [case for case in CASES[device.type] if case.name in models]
    sides = _chosen("--sides", arguments.sides, SIDES)
    if not {"default", "tuned"} & set(sides):
        sys.exit(f"--sides is {arguments.sides!r}; expected default or tuned among them: others are compared with it.")
    if arguments.batch_size:
        cases = [replace(case, batch_size=arguments.batch_size) for case in cases]
    end = time.perf_counter() + 60 * arguments.minutes
    try:
        for case in cases:
            peer(case)  # before anything is timed
    except PeerMissingError as error:
        sys.exit(f"{error} Or leave that net out with --models.")
    machine = {**environment(device), **limits(device)}
    print(f"{machine['processor']}, {machine['threads']} threads, {machine['device']}, torch {machine['torch']}")
    bf16 = f"{machine['gemm_bf16_gflops']:.0f}" if "gemm_bf16_gflops" in machine else "none"
    fp32, copy = machine["gemm_fp32_gflops"], machine["copy_gb_per_second"]
    print(f"GEMM {fp32:.0f} GFLOP/s fp32, {bf16} bf16; copy {copy:.0f} GB/s")
    measured = Measuring(arguments, device, machine, tuple(sides), end)
    results = measured.as_they_come(cases)
    if "tuned" in sides:
        results |= measured.tuned(cases, results)
    print("\n" + "\n".join(summary(list(results.values()))))
    if arguments.json:
        document = {"machine": machine, "results": [asdict(result) for result in results.values()]}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


class Measuring:
    """The two parts of the work, on one machine and within one time: `end`, by the clock of `time.perf_counter`."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        device: torch.device,
        machine: Mapping[str, Any],
        sides: tuple[str, ...],
        end: float,
    ) -> None:
        self._arguments = arguments
        self._device = device
        self._machine = machine
        self._sides = sides
        self._end = end

    def as_they_come(self, cases: Sequence[Case]) -> dict[str, Result]:
        """Every case without trying anything, its table printed as soon as it is there; by name."""
        results: dict[str, Result] = {}
        share = FIRST if "tuned" in self._sides else 1.0
        for index, case in enumerate(cases):
            left = self._left() - (1 - share) * 60 * self._arguments.minutes
            own = {"default": self._default(case)}
            results[case.name] = self._result(case, own, seconds=left / (len(cases) - index))
            _print(results[case.name])
        return results

    def tuned(self, cases: Sequence[Case], results: Mapping[str, Result]) -> dict[str, Result]:
        """The cases of which another way than the default is the fastest, timed again with it; by name."""
        again: dict[str, Result] = {}
        for index, case in enumerate(cases):
            sides, default = results[case.name].sides, self._default(case)
            # Timing again: each side starts, settles, and is timed twice.
            needed = sum(side.first_seconds + 3 * side.step_seconds for side in sides) * (len(sides) + 1) / len(sides)
            print(f"\n{case.name}: ways to compute a step", flush=True)
            seconds = self._left() / (len(cases) - index) - needed
            if seconds <= 0:
                print("  none was tried: the time was over")
                continue
            way = self._fastest(case, default, seconds=seconds)
            if way == default:
                print(f"  the default, {default.name}, is the fastest of those tried")
                continue
            seconds = self._left() / (len(cases) - index)
            again[case.name] = self._result(case, {"default": default, "tuned": way}, seconds=seconds)
            _print(again[case.name])
        return again

    def _fastest(self, case: Case, default: Way, *, seconds: float) -> Way:
        """The fastest way in a short trial of so many seconds."""
        ways = [way for way in self._promising() if way != default]
        timings = time_ways(
            recipe_of(case), data_of(case), self._device, ways=(default, *ways), rounds=2, seconds=seconds, show=_show
        )
        chosen = fastest(timings, default=default)
        return default if chosen is None else chosen.way

    def _promising(self) -> list[Way]:
        """The ways that may be tried, those first that have been the fastest where they ran (docs/results.md)."""
        ways = [
            way
            for way in WAYS
            if self._arguments.ways in way.name
            and way.fused_optimiser  # the other one is the peer's
            and (way.kernels != "compiled" or self._device.type == "cuda" or self._arguments.compiled)
        ]
        return sorted(ways, key=lambda way: (way.precision != "bf16", not way.step_graph, way.kernels == "plain"))

    def _result(self, case: Case, own: Mapping[str, Way], *, seconds: float) -> Result:
        wanted = {**ways_of_peers(self._device), **own}
        # Ours as it comes is timed in any case: "tuned" alone means the fastest, which it may be.
        sides = time_in_turn(
            case,
            self._device,
            {name: way for name, way in wanted.items() if name in self._sides or name in own},
            Timed(self._arguments.rounds, seconds, self._arguments.settle, self._arguments.shared_allocator),
        )
        network = recipe_of(case).network
        return Result(
            case=case.name,
            is_family=case.model.startswith("cifar_resnet"),
            depth=network.depth,
            target=case.target,
            macs=3 * cost(network, image_size=case.image_size).macs,  # backward: two products where there was one
            floor_bytes=floor_bytes(network, case.image_size, 4),
            sides=sides,
            machine=self._machine,
        )

    def _default(self, case: Case) -> Way:
        return own_way(graphed(recipe_of(case), self._device), self._device)

    def _left(self) -> float:
        return self._end - time.perf_counter()


def _arguments() -> argparse.Namespace:
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
    return parser.parse_args()


def _chosen(option: str, text: str, there_are: Sequence[str]) -> tuple[str, ...]:
    """The names in `text`, with commas; all of them where it is empty."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = sorted(set(names) - set(there_are))
    if unknown:
        sys.exit(f"{option}: there is no {unknown[0]}; expected {', '.join(there_are)}.")
    return tuple(name for name in there_are if name in names or not names)


def _print(result: Result) -> None:
    print("\n" + "\n".join(result.lines()), flush=True)


def _show(timing: Timing) -> None:
    said = f"{timing.step_seconds * 1e3:,.1f} ms" if timing.runs else timing.remark
    late = f", but its first step takes {timing.first_seconds:.0f} s" if timing.runs and timing.obstacle else ""
    print(f"  {timing.way.name}: {said}{late}", flush=True)


if __name__ == "__main__":
    main()
