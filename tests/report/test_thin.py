"""Fewer points that look the same."""

from __future__ import annotations

import math
from itertools import pairwise

from skipline.report.plot.thin import thin_dots, thin_line


def test_few_points_stay_as_they_are() -> None:
    points = [(0.0, 1.0), (1.0, math.nan), (2.0, 3.0)]
    assert thin_line(points, most=3) == tuple(points)
    assert thin_dots(points[::2], most=2, height=float) == tuple(points[::2])


def test_a_line_keeps_its_ends_its_peaks_and_its_gaps() -> None:
    points = [(float(x), math.sin(x / 300)) for x in range(5000)]
    points[1234] = (1234.0, 40.0)
    points[2345] = (2345.0, math.nan)
    points[3456] = (3456.0, -40.0)
    kept = thin_line(points, most=500)
    assert len(kept) <= 500
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert (1234.0, 40.0) in kept
    assert (3456.0, -40.0) in kept
    assert sum(math.isnan(y) for _, y in kept) == 1
    assert [x for x, _ in kept] == sorted(x for x, _ in kept)


def test_a_band_is_thinned_by_its_upper_edge() -> None:
    points = [(float(x), 1.0, 2.0 + (x == 77)) for x in range(1000)]
    assert (77.0, 1.0, 3.0) in thin_line(points, most=50)


def test_dots_are_even_and_the_odd_one_stays() -> None:
    points = [(float(x), x / 1000) for x in range(1000)]
    even = thin_dots(points, most=20, height=float)
    assert len(even) == 22, "a dot for each stretch, and both ends"
    gaps = [after[0] - before[0] for before, after in pairwise(even)]
    assert max(gaps) == 50
    points[533] = (533.0, 0.7)
    odd = thin_dots(points, most=20, height=float)
    assert (533.0, 0.7) in odd
    assert len(odd) == 23
