"""Contours: the lines on which a field over a grid has one value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

Point = tuple[float, float]
_Edge = tuple[int, int, int]  # row, column, and 0 for the edge to the right, 1 for the edge upward


def contour(
    xs: Sequence[float], ys: Sequence[float], field: Sequence[Sequence[float]], *, level: float
) -> tuple[tuple[Point, ...], ...]:
    """The polylines on which `field` equals `level`; `field[r][c]` is the value at `xs[c]`, `ys[r]`.

    Marching squares: on each edge of the grid whose ends lie on either side the place is interpolated linearly, so its
    error is of second order in the spacing; squares with a value that is not finite are passed over. A saddle is cut
    by the mean of its corners. Source: W. E. Lorensen & H. E. Cline, Marching cubes, SIGGRAPH 1987, in the plane.
    """
    segments = [
        ends
        for row in range(len(ys) - 1)
        for column in range(len(xs) - 1)
        for ends in _segments(row, column, field, level)
    ]
    return tuple(tuple(_place(edge, xs, ys, field, level) for edge in chain) for chain in _chains(segments))


def _segments(row: int, column: int, field: Sequence[Sequence[float]], level: float) -> Iterator[tuple[_Edge, _Edge]]:
    """The pieces of the contour in one square, each from edge to edge."""
    corners = (field[row][column], field[row][column + 1], field[row + 1][column + 1], field[row + 1][column])
    if not all(map(math.isfinite, corners)):
        return
    above = [corner > level for corner in corners]
    edges = ((row, column, 0), (row, column + 1, 1), (row + 1, column, 0), (row, column, 1))
    cut = [edge for edge, one, other in zip(edges, above, above[1:] + above[:1], strict=True) if one != other]
    if len(cut) == 2:
        yield cut[0], cut[1]
    elif len(cut) == 4:
        # Edge n leads from corner n to n + 1. Where the middle is like corner 0, corners 1 and 3 are cut off.
        middle = sum(corners) / 4 > level
        pairs = ((0, 1), (2, 3)) if middle == above[0] else ((3, 0), (1, 2))
        yield from ((cut[one], cut[other]) for one, other in pairs)


def _chains(segments: Sequence[tuple[_Edge, _Edge]]) -> Iterator[list[_Edge]]:
    """Join segments that share an edge; each edge is shared by at most two."""
    at: dict[_Edge, list[int]] = {}
    for index, ends in enumerate(segments):
        for edge in ends:
            at.setdefault(edge, []).append(index)
    used = [False] * len(segments)
    # Open lines first, from one of their ends; what is left is closed.
    starts = [edge for edge, indices in at.items() if len(indices) == 1] + list(at)
    for start in starts:
        chain, edge = [start], start
        while True:
            index = next((index for index in at[edge] if not used[index]), None)
            if index is None:
                break
            used[index] = True
            one, other = segments[index]
            edge = other if edge == one else one
            chain.append(edge)
        if len(chain) > 1:
            yield chain


def _place(
    edge: _Edge, xs: Sequence[float], ys: Sequence[float], field: Sequence[Sequence[float]], level: float
) -> Point:
    row, column, upward = edge
    to_row, to_column = (row + 1, column) if upward else (row, column + 1)
    start, end = field[row][column], field[to_row][to_column]
    share = (level - start) / (end - start)
    return xs[column] + share * (xs[to_column] - xs[column]), ys[row] + share * (ys[to_row] - ys[row])
