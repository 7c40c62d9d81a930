"""Fewer points that look the same: a net of thousands of sites on a chart a few hundred pixels wide."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

ODD = 0.03  # of the plot's height: about as high as a dot

P = TypeVar("P", bound=tuple[float, ...])


def thin_line(points: Sequence[P], *, most: int) -> tuple[P, ...]:
    """At most about `most` of `points`, through which a line looks as through all: U. Jugel et al., M4, VLDB 2014.

    Of neighbours that share a pixel the first, the last, the lowest and the highest stay, and one that is not finite,
    so that no gap is closed. y is the last coordinate.
    """
    if len(points) <= most:
        return tuple(points)
    return tuple(points[index] for part in _parts(len(points), most // 5) for index in sorted(_outline(points, part)))


def _outline(points: Sequence[tuple[float, ...]], part: range) -> set[int]:
    finite = [index for index in part if math.isfinite(points[index][-1])]
    lost = [index for index in part if not math.isfinite(points[index][-1])]
    ends = {min(finite, key=lambda i: points[i][-1]), max(finite, key=lambda i: points[i][-1])} if finite else set()
    return {part[0], part[-1], *ends, *lost[:1]}


def thin_dots(points: Sequence[P], *, most: int, height: Callable[[float], float]) -> tuple[P, ...]:
    """About `most` of `points`, evenly spaced, and every stretch's oddest one where it would be seen to be odd.

    `height` says how high a y stands in the plot, 0 to 1; odd is what stands off the line between the evenly spaced
    ones by more than `ODD`.
    """
    if len(points) <= most:
        return tuple(points)
    parts = _parts(len(points), most)
    kept = {0, len(points) - 1, *(part[len(part) // 2] for part in parts)}
    heights = [height(point[-1]) for point in points]
    for before, after in pairwise(sorted(kept)):
        if after - before > 1:
            between = range(before + 1, after)

            def off(index: int, start: int = before, end: int = after) -> float:
                share = (index - start) / (end - start)
                return abs(heights[index] - (1 - share) * heights[start] - share * heights[end])

            odd = max(between, key=off)
            kept |= {odd} if off(odd) > ODD else set()
    return tuple(points[index] for index in sorted(kept))


def _parts(num: int, most: int) -> list[range]:
    count = max(1, min(num, most))
    return [range(part * num // count, (part + 1) * num // count) for part in range(count)]
