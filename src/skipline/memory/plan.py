"""The plan: what a step keeps and what it computes again, so that it fits a budget for the least arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from skipline.amount import counted, percent, size_text
from skipline.costs import PartCost, part_costs
from skipline.memory.keeping import KEEP_ALL, Keeping, recomputed_first
from skipline.memory.peak import Peak, peak_of
from skipline.memory.workload import Workload
from skipline.spec import Network

# What norms, activations and additions take of a block's time in multiples of what its convolutions take: of 154 ms of
# a step of CIFAR-20, 107 are convolutions. Measured on two cores (docs/results.md has newer numbers for fused norms).
_POINTWISE = 0.44
_LENGTHS = (1, 2, 3, 5, 7, 10, 14, 20, 32, 64)  # of segments, tried in turn; √n is among the middle
_SHARES = 4  # mixed plans: so many quarters of the parts by their input alone


class Unfit(ValueError):
    """No plan fits the budget; the message says what is needed and which batch would fit."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What is kept, the peak that is predicted, and the arithmetic that is done again, as a share of a step's.

    `budget` is in bytes, ∞ where there is none. `num_reversible` blocks do without either where all is kept.
    """

    keeping: Keeping
    peak: Peak
    extra: float
    budget: float
    num_parts: int
    num_reversible: int

    def sentence(self) -> str:
        """The plan in plain words."""
        within = f", within {size_text(self.budget)}" if math.isfinite(self.budget) else ""
        peak = f"about {size_text(self.peak.total)} at the peak of a step{within}"
        if self.keeping.keeps_all and self.num_reversible:
            return (
                f"memory: {peak}: {self.num_reversible:,} of {counted(self.num_parts - 2, 'block')} are reversible and "
                f"computed again from later activations, about {percent(self.extra, places=0)} more arithmetic; the "
                "rest is stored."
            )
        if self.keeping.keeps_all:
            return f"memory: {peak}; all activations are stored."
        return f"memory: {peak}: {self._again()} About {percent(self.extra, places=0)} more arithmetic, the same bits."

    def _again(self) -> str:
        said: list[str] = []
        last = self.num_parts
        for keep, what in (("input", "computed again"), ("convolutions", "with norms and activations computed again")):
            spans = [(first, end) for first, end, kept in self.keeping.spans(last) if kept == keep]
            if spans:
                # Part 0 is the stem, the last one the head; those between are blocks 1, 2, …
                first, end = max(spans[0][0], 1), min(spans[-1][1] - 1, last - 2)
                length = min(max(end - first for first, end in spans), end - first + 1)
                said.append(f"blocks {first:,} to {end:,} of {last - 2:,} {what}, {length} at a time")
        return f"{'; '.join(said)}{'; the rest is stored.' if self.keeping.segments[-1].keep == 'all' else '.'}"


def plan_memory(network: Network, load: Workload, *, budget: float) -> MemoryPlan:
    """The plan with the least extra arithmetic among those whose predicted peak is at most `budget` bytes.

    Tried are: everything kept; the first parts computed again from their segments' inputs or from what their
    convolutions gave, or some of both, in segments of many lengths. Raises `Unfit` where none fits.
    """
    parts = part_costs(network, image_size=load.image_size)
    whole = _planned(parts, KEEP_ALL, load, budget)
    if whole.peak.total <= budget:
        return whole
    fitting = [plan for plan in _candidates(parts, load, budget) if plan.peak.total <= budget]
    if fitting:
        return min(fitting, key=lambda plan: (plan.extra, plan.peak.total))
    raise Unfit(_refusal(network, parts, load, budget))


def smallest_plan(network: Network, load: Workload) -> MemoryPlan:
    """The plan with the lowest peak."""
    return _smallest(part_costs(network, image_size=load.image_size), load, math.inf)


def _smallest(parts: Sequence[PartCost], load: Workload, budget: float) -> MemoryPlan:
    every = len(parts) - 1  # the head keeps next to nothing
    tried = (recomputed_first(len(parts), from_inputs=every, from_convolutions=0, length=n) for n in _LENGTHS)
    return min((_planned(parts, keeping, load, budget) for keeping in tried), key=lambda plan: plan.peak.total)


def _candidates(parts: Sequence[PartCost], load: Workload, budget: float) -> Iterator[MemoryPlan]:
    every = len(parts) - 1
    for length in _LENGTHS:
        yield _fewest(parts, load, budget, length, from_inputs=(0, every), from_convolutions=(0, 0))
        for share in range(_SHARES):
            given = every * share // _SHARES
            yield _fewest(parts, load, budget, length, from_inputs=(given, given), from_convolutions=(0, every - given))


def _fewest(
    parts: Sequence[PartCost],
    load: Workload,
    budget: float,
    length: int,
    *,
    from_inputs: tuple[int, int],
    from_convolutions: tuple[int, int],
) -> MemoryPlan:
    """The plan between the two ends that computes fewest parts again and fits; the far end where none does."""

    def at(share: int) -> MemoryPlan:
        counts = [low + (high - low) * share // steps for low, high in (from_inputs, from_convolutions)]
        keeping = recomputed_first(len(parts), from_inputs=counts[0], from_convolutions=counts[1], length=length)
        return _planned(parts, keeping, load, budget)

    steps = max(1, *(high - low for low, high in (from_inputs, from_convolutions)))
    low, high = 0, steps
    while low < high:
        middle = (low + high) // 2
        if at(middle).peak.total <= budget:
            high = middle
        else:
            low = middle + 1
    return at(low)


def _extra(parts: Sequence[PartCost], keeping: Keeping) -> float:
    """What is computed again over what a step computes: three forward passes' worth."""
    forward = {"all": 0.0, "convolutions": _POINTWISE, "input": 1 + _POINTWISE}
    again = 0.0
    for first, end, keep in keeping.spans(len(parts)):
        for part in parts[first:end]:
            again += part.macs * forward["input" if keep == "all" and part.is_reversible else keep]
    return again / (3 * (1 + _POINTWISE) * sum(part.macs for part in parts))


def _refusal(network: Network, parts: Sequence[PartCost], load: Workload, budget: float) -> str:
    least = _smallest(parts, load, budget).peak.total

    def fits(size: int) -> bool:
        fewer = replace(load, batch_size=size, num_parts=min(load.num_parts, size))
        return _smallest(parts, fewer, budget).peak.total <= budget

    low, high = 0, load.batch_size - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    images = f"batches of {load.batch_size}" + (f" in {counted(load.num_parts, 'part')}" if load.num_parts > 1 else "")
    needs = f"{network.name} in {images} needs at least {size_text(least)}."
    if not low:
        return f"{needs} Not even a single image fits: use more memory, or a smaller network."
    return (
        f"{needs} The largest batch size that fits is {low}: --batch-size {low}, or the same batch in more parts "
        f"(--accumulate {math.ceil(load.batch_size / low)}; batch norm then sees a part at a time), or more memory."
    )


def _planned(parts: Sequence[PartCost], keeping: Keeping, load: Workload, budget: float) -> MemoryPlan:
    num_reversible = sum(part.is_reversible for part in parts)
    peak, extra = peak_of(parts, keeping, load), _extra(parts, keeping)
    return MemoryPlan(keeping, peak, extra, budget, len(parts), num_reversible)
