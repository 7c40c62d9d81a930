"""What a training benchmark prints: a table for each net, and at the end what was wanted beside what came out."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training_sides import Side

BEST_PEER = 1.2  # the least ratio wanted to the best-configured peer
CONSTANT = 0.85  # the least that images/s × depth may be in one net of what it is in another: within 15 %
START_SECONDS = 10.0  # the first step may last this and two more


@dataclass(frozen=True, slots=True)
class Result:
    """The sides of a case in the order they are printed, the last one that counts as ours; what a step of it takes.

    `macs` and `floor_bytes` (fp32) are those of an image in a training step; `target`: the least ratio wanted to the
    peer as it comes. `machine` with limits.
    """

    case: str
    is_family: bool  # one of the nets that differ in depth alone
    depth: int
    target: float
    macs: int
    floor_bytes: int
    sides: tuple[Side, ...]
    machine: Mapping[str, Any]

    @property
    def ours(self) -> Side:
        """The side that is compared with the others."""
        return self.sides[-1]

    def ratio(self, to: str) -> float:
        """How many times ours is as fast as the side called `to`, by the medians."""
        return self.ours.images_per_second / self.side(to).images_per_second

    def quartiles(self, to: str) -> tuple[float, float]:
        """The lower and the upper quartile of that ratio, round by round."""
        rounds = zip(self.side(to).round_seconds, self.ours.round_seconds, strict=True)
        ratios = [theirs / own for theirs, own in rounds]
        if len(ratios) == 1:
            return ratios[0], ratios[0]
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, high

    def has(self, name: str) -> bool:
        """Whether there is a side called so beside ours."""
        return any(side.name == name for side in self.sides[:-1])

    def side(self, name: str) -> Side:
        """The side called so."""
        return next(side for side in self.sides if side.name == name)

    def gemm_share(self, side: Side) -> float:
        """How much of its own matrix product the machine reaches in the side's step, in the same number format."""
        gemm = self.machine["gemm_bf16_gflops" if side.is_bf16 else "gemm_fp32_gflops"]
        return 2 * self.macs * side.images_per_second / 1e9 / gemm

    def floor_share(self, side: Side) -> float:
        """How much of the speed that copying memory allows the side reaches."""
        each = self.floor_bytes // (2 if side.is_bf16 else 1)
        return each * side.images_per_second / 1e9 / self.machine["copy_gb_per_second"]

    @property
    def is_soon(self) -> bool:
        """Whether the first step of ours ends as soon as it is wanted to."""
        return self.ours.first_seconds <= 2 * self.ours.step_seconds + START_SECONDS

    def lines(self) -> list[str]:
        """The table of this net, its ratios, and the profile of ours."""
        on_gpu = any(side.peak_bytes for side in self.sides)
        head = f"  {'side':<10} {'images/s':>9} {'ms a step':>10} {'× depth':>10} {'first step':>11} {'in steps':>8}"
        head += f" {'GEMM':>5} {'floor':>5}" + (f" {'launches':>8} {'peak MiB':>9}" if on_gpu else "")
        lines = [f"{self.case}, batches of {self.ours.batch_size}, {len(self.ours.round_seconds)} rounds", head]
        for side in self.sides:
            line = (
                f"  {side.name:<10} {side.images_per_second:>9,.1f} {side.step_seconds * 1e3:>10,.1f} "
                f"{side.images_per_second * self.depth:>10,.0f} {side.first_seconds:>9,.2f} s "
                f"{side.first_seconds / side.step_seconds:>8.1f} {self.gemm_share(side):>5.0%} "
                f"{self.floor_share(side):>5.0%}"
            )
            launches = side.profile.launches if side.profile else 0
            lines.append(
                line + (f" {launches:>8,} {side.peak_bytes / 2**20:>9,.0f}  {side.way}" if on_gpu else f"  {side.way}")
            )
        for name, least in (("peer", self.target), ("best peer", BEST_PEER)):
            if self.has(name):
                low, high = self.quartiles(name)
                lines.append(f"  {self.ratio(name):.2f} ({low:.2f} to {high:.2f}) × {name}, wanted {least:.1f}")
        if self.ours.profile:
            lines += [f"  {line}" for line in self.ours.profile.lines()]
        return lines


def summary(results: Sequence[Result]) -> list[str]:
    """What was wanted of each net, and of their speed over depth, with what came out."""
    lines = ["what was wanted"]
    for result in results:
        parts = [
            f"{result.ratio(name):.2f} × {name} ({_judged(result.ratio(name) >= least, f'{least:.1f}')})"
            for name, least in (("peer", result.target), ("best peer", BEST_PEER))
            if result.has(name)
        ]
        limit = 2 * result.ours.step_seconds + START_SECONDS
        parts.append(f"first step {result.ours.first_seconds:.1f} s ({_judged(result.is_soon, f'{limit:.1f}')})")
        parts.append(f"{result.gemm_share(result.ours):.0%} of the GEMM")
        lines.append(f"  {result.case}: {', '.join(parts)}")
    return lines + depth_lines([result for result in results if result.is_family])


def depth_lines(family: Sequence[Result]) -> list[str]:
    """Images a second × depth, and × multiply-adds, of nets that differ in depth alone; nothing of fewer than two."""
    if len(family) < 2:
        return []
    names = ", ".join(result.case for result in family)
    lines = []
    for what, values in (
        ("depth", [result.ours.images_per_second * result.depth for result in family]),
        ("multiply-adds, in 10⁹", [result.ours.images_per_second * result.macs / 1e9 for result in family]),
    ):
        share = min(values) / max(values)
        told = " · ".join(f"{value:,.0f}" if what == "depth" else f"{value:,.1f}" for value in values)
        wanted = f" ({_judged(share >= CONSTANT, f'{CONSTANT:.0%}')})" if what == "depth" else ""
        lines.append(f"  images/s × {what} ({names}): {told}; the least is {share:.0%} of the most{wanted}")
    return lines


def _judged(is_met: bool, wanted: str) -> str:
    return f"wanted {wanted}: {'met' if is_met else 'missed'}"
