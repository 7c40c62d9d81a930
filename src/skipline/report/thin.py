"""Fewer points that look the same: a net of thousands of sites on a chart a few hundred pixels wide."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

P = TypeVar("P", bound=tuple[float, ...])


def thin_line(points: Sequence[P], *, most: int) -> tuple[P, ...]:
    """At most about ``most`` of ``points``, through which a line looks as through all: U. Jugel et al., M4, VLDB 2014.

    Of neighbours that share a pixel the first, the last, the lowest and the highest stay, and one that is not finite,
    so that no gap is closed. y is the last coordinate.
    """
    return tuple(_kept(points, most=most, width=5, ends=True))


def thin_dots(points: Sequence[P], *, most: int) -> tuple[P, ...]:
    """At most about ``most`` of ``points``: of neighbours only the lowest and the highest stay, so none odd is lost."""
    return tuple(_kept(points, most=most, width=2, ends=False))


def _kept(points: Sequence[P], *, most: int, width: int, ends: bool) -> Iterator[P]:
    if len(points) <= most:
        yield from points
        return
    num = max(1, most // width)
    for bucket in range(num):
        part = range(bucket * len(points) // num, (bucket + 1) * len(points) // num)
        finite = [index for index in part if math.isfinite(points[index][-1])]
        lost = [index for index in part if not math.isfinite(points[index][-1])]
        chosen = {part[0], part[-1]} if ends else set[int]()
        if finite:
            chosen |= {min(finite, key=lambda i: points[i][-1]), max(finite, key=lambda i: points[i][-1])}
        if ends:
            chosen |= {*lost[:1]}
        yield from (points[index] for index in sorted(chosen))
