"""The values of several seeds, summed up."""

from __future__ import annotations

import math

from skipline.report.records.spread import spread


def test_the_textbook_example() -> None:
    """2, 4, 4, 4, 5, 5, 7, 9: mean 5, squares of the deviations 32, so the sample deviation is the root of 32/7."""
    found = spread([2, 4, 4, 4, 5, 5, 7, 9])
    assert (found.num, found.mean, found.low, found.high) == (8, 5, 2, 9)
    assert math.isclose(found.deviation**2, 32 / 7)


def test_what_is_not_finite_is_left_out() -> None:
    found = spread([1.0, math.nan, 3.0, math.inf])
    assert (found.num, found.mean, found.low, found.high) == (2, 2, 1, 3)


def test_one_value_has_no_deviation_and_none_has_nothing() -> None:
    one, none = spread([0.25]), spread([math.nan])
    assert (one.num, one.mean) == (1, 0.25)
    assert math.isnan(one.deviation)
    assert none.num == 0
    assert all(map(math.isnan, (none.mean, none.deviation, none.low, none.high)))
