"""How much memory a step takes at its peak: the step gone through in order, with what lives at each moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skipline.costs import PartCost
from skipline.memory.keeping import Keep, Keeping
from skipline.memory.workload import Workload

_WEIGHT_BYTES = 4  # fp32, whatever activations are in
_INDEX_BYTES = 8  # int64
# Tensors as large as a part's largest that live for a moment. Forward: a norm's output and the sum, which nothing
# keeps. Backward: the gradient that comes in, the one that goes out, and beside a shortcut one on its way through the
# branch. Derived; on small nets the whole prediction is within 15 % of what lives (tests/memory/test_peak.py).
_PASSING_FORWARD = 2
_PASSING_BACKWARD = 2


@dataclass(frozen=True, slots=True)
class Peak:
    """Bytes at the fullest moment of a step: `total`, and of it `activations`, gradients of activations with them.

    The rest are weights, their gradients, the optimiser's state, the average and the batch's images.
    """

    total: int
    activations: int


def peak_of(parts: Sequence[PartCost], keeping: Keeping, load: Workload) -> Peak:
    """The peak of a step that keeps `keeping`, predicted from the costs of the net's parts.

    Counted are tensors that PyTorch's allocator hands out. Not counted: the data set, the program itself (some hundred
    MiB), and what libraries take for themselves, such as the scratch memory of a convolution.
    """
    weights = sum(part.parameters for part in parts) * _WEIGHT_BYTES
    held = weights * (1 + load.optimiser_slots + load.has_average)
    pixels = load.in_channels * load.image_size**2
    held += pixels * _WEIGHT_BYTES * (load.batch_size + load.part_size)
    activations = _Activations(parts, load)
    return activations.peak(keeping, held)


class _Activations:
    """A step gone through: what is kept grows from part to part, and shrinks on the way back."""

    def __init__(self, parts: Sequence[PartCost], load: Workload) -> None:
        self._parts = parts
        self._element = load.element_bytes * load.part_size
        self._wide = max(load.element_bytes, _WEIGHT_BYTES) * load.part_size  # of the halves in a chain
        self._index = _INDEX_BYTES * load.part_size
        self._copy = load.element_bytes if load.element_bytes < _WEIGHT_BYTES else 0  # of a weight, by autocast
        self._cached = 0  # copies that autocast holds till the end of the forward pass, and nothing else
        self._kept = 0
        self._gradients = 0
        self._fullest = Peak(0, 0)

    def peak(self, keeping: Keeping, held: int) -> Peak:
        spans = list(keeping.spans(len(self._parts)))
        stored = [self._forward(*span) for span in spans]
        self._cached = 0
        for (first, end, keep), amount in zip(reversed(spans), reversed(stored), strict=True):
            if keep != "all":  # computed again: from here on it is all there
                self._kept += sum(self._whole(number, first) for number in range(first, end)) - amount
            self._backward(first, end, keep)
        stepping = held + self._gradients
        if self._fullest.total + held < stepping:
            return Peak(stepping, 0)
        return Peak(self._fullest.total + held, self._fullest.activations)

    def _forward(self, first: int, end: int, keep: Keep) -> int:
        before = self._kept
        if keep != "all":
            self._kept += self._parts[first].input * self._element
        for number in range(first, end):
            part = self._parts[number]
            passing = _PASSING_FORWARD * part.largest
            if keep == "all":
                self._kept += self._in_chain(number, first, end)
            else:
                # Beside what nothing keeps: the block's way from its input to its output; convolutions' are kept.
                self._kept += part.convolved * self._element if keep == "convolutions" else 0
                self._cached += part.parameters * self._copy
                passing += part.output + (part.input + part.largest if keep == "input" else 0)
            self._meet(passing * self._element)
        return self._kept - before

    def _backward(self, first: int, end: int, keep: Keep) -> None:
        for number in reversed(range(first, end)):
            part = self._parts[number]
            self._gradients += part.parameters * _WEIGHT_BYTES
            if keep == "all" and part.is_reversible:
                self._kept -= self._in_chain(number, first, end)  # the halves that it was taken apart into pass on
                self._meet(self._undoing(part))
            else:
                self._meet((_PASSING_BACKWARD + part.is_residual) * part.largest * self._element)
                self._kept -= self._whole(number, first)

    def _in_chain(self, number: int, first: int, end: int) -> int:
        """What a part of a segment that keeps all keeps, reversible blocks in it chained: of a chain its end."""
        part = self._parts[number]
        if not part.is_reversible:
            return self._whole(number, first)
        is_end = number + 1 == end or not self._parts[number + 1].is_reversible
        return part.output * self._wide * is_end

    def _undoing(self, part: PartCost) -> int:
        """What lives while a reversible block is undone: halves and gradients behind it, a half before it, and its
        branch, computed again and differentiated."""
        return 5 * part.output // 2 * self._wide + self._inside(part) + _PASSING_BACKWARD * part.output * self._element

    def _inside(self, part: PartCost) -> int:
        """What a part keeps when all of it is kept, besides its input."""
        return part.kept * self._element + part.index_elements * self._index + part.parameters * self._copy

    def _whole(self, number: int, first: int) -> int:
        """What a part of the segment that begins at `first` keeps when all of it is kept.

        Its input counts where the part before has not kept it as its output; a segment's first part holds its own, for
        the segment before may be one that is computed again.
        """
        part = self._parts[number]
        before = self._parts[number - 1]
        is_kept = before.keeps_output or (before.is_reversible and self._wide == self._element)
        holds = number == first or not is_kept
        return self._inside(part) + part.input * holds * self._element

    def _meet(self, passing: int) -> None:
        now = Peak(self._kept + self._gradients + self._cached + passing, self._kept + passing)
        if now.total > self._fullest.total:
            self._fullest = now
