"""What a training step keeps for its backward pass: the parts of a net, taken together in segments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Keep = Literal["all", "convolutions", "input"]
"""What a segment keeps: `all` that its derivatives read; what its `convolutions` gave, and its input, so that norms,
activations and additions are computed again; or its `input` alone, and all of it is computed again."""


@dataclass(frozen=True, slots=True)
class Segment:
    """`num_parts` parts one after another (stem, blocks, head), and what is kept of them."""

    num_parts: int
    keep: Keep


@dataclass(frozen=True, slots=True)
class Keeping:
    """The segments of a whole net, in the order of the forward pass; without any, everything is kept."""

    segments: tuple[Segment, ...]

    @property
    def keeps_all(self) -> bool:
        """Whether nothing is computed again."""
        return all(segment.keep == "all" for segment in self.segments)

    def spans(self, num_parts: int) -> Iterator[tuple[int, int, Keep]]:
        """Each segment's first part, the part behind its last, and what it keeps; there are `num_parts` in all."""
        if not self.segments:
            yield 0, num_parts, "all"
        first = 0
        for segment in self.segments:
            yield first, first + segment.num_parts, segment.keep
            first += segment.num_parts


KEEP_ALL = Keeping(())


def recomputed_first(num_parts: int, *, from_inputs: int, from_convolutions: int, length: int) -> Keeping:
    """The first `from_inputs` parts kept by their segments' inputs, then so many by convolutions, the rest whole.

    Segments hold `length` parts, the last of each kind what is left. Early parts have the largest feature maps for
    their arithmetic in every network that shrinks its images: there recomputing frees the most for the least.
    """
    segments: list[Segment] = []
    counts: tuple[tuple[int, Keep], ...] = ((from_inputs, "input"), (from_convolutions, "convolutions"))
    for count, keep in counts:
        segments += [Segment(min(length, count - start), keep) for start in range(0, count, length)]
    rest = num_parts - from_inputs - from_convolutions
    return Keeping((*segments, *([Segment(rest, "all")] if rest else [])))
