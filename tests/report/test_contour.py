"""Lines of equal value."""

from __future__ import annotations

import math

import pytest

from skipline.report.plot.contour import contour


def test_a_plane_is_cut_exactly() -> None:
    xs, ys = (0.0, 1.0, 3.0), (0.0, 2.0)
    ((one, *_, last),) = contour(xs, ys, [[x + y for x in xs] for y in ys], level=2.5)
    assert {one, last} == {(2.5, 0.0), (0.5, 2.0)}


@pytest.mark.parametrize(("num", "error"), [(11, 0.02), (41, 0.00125)])
def test_a_circle_is_closed_and_the_error_is_of_second_order(num: int, error: float) -> None:
    # Four times finer: an error of second order is a sixteenth.
    axis = [-2 + 4 * n / (num - 1) + 0.01 for n in range(num)]
    (ring,) = contour(axis, axis, [[x * x + y * y for x in axis] for y in axis], level=1.0)
    assert ring[0] == ring[-1]
    assert len(ring) > num / 2
    assert max(abs(math.hypot(*point) - 1) for point in ring) < 2 * error


def test_two_hills_have_two_lines_and_a_saddle_is_cut_by_its_middle() -> None:
    axis = [0.0, 1.0]
    high = contour(axis, axis, [[1.0, 0.0], [0.0, 1.0]], level=0.4)  # the middle, 0.5, is above: the lows are cut off
    low = contour(axis, axis, [[1.0, 0.0], [0.0, 1.0]], level=0.6)
    assert len(high) == len(low) == 2
    corner = {tuple(sorted(line)) for line in high}
    assert ((0.6, 0.0), (1.0, 0.4)) in corner, "around the corner at (1, 0), which is low"
    assert ((0.0, 0.4), (0.4, 0.0)) in {tuple(sorted(line)) for line in low}


def test_squares_without_a_value_are_passed_over() -> None:
    xs, ys = [0.0, 1.0, 2.0, 3.0], [0.0, 1.0]
    field = [[0.0, 0.0, math.nan, 0.0], [1.0, 1.0, 1.0, 1.0]]
    (line,) = contour(xs, ys, field, level=0.5)
    assert sorted(line) == [(0.0, 0.5), (1.0, 0.5)]
    assert contour(xs, ys, field, level=7.0) == ()
