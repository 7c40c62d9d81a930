"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from skipline.report.number import count, counted, duration, number, percent, power_of_ten


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.5**50, "8.88\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10⁻¹⁶"),
        (1.5**50, "6.38\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10⁸"),
        (-0.00012, "−1.20\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10⁻⁴"),
        (0.00999, "0.00999"),
        (0.9996, "1.00"),
        (2.302585, "2.30"),
        (-3.14159, "−3.14"),
        (99.96, "100"),
        (12345.0, "12,300"),
        (99950.0, "1.00\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10⁵"),
        (0.0, "0"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "not a number"),
    ],
)
def test_numbers(value: float, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("fraction", "said"),
    [(0.0, "0.00\N{NO-BREAK SPACE}%"), (0.8935, "89.35\N{NO-BREAK SPACE}%"), (1.0, "100.00\N{NO-BREAK SPACE}%")],
)
def test_per_cent(fraction: float, said: str) -> None:
    assert percent(fraction) == said


def test_what_is_no_number_has_no_per_cent() -> None:
    assert [percent(value) for value in (math.nan, math.inf)] == ["–", "–"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (9.06, "9.1 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (95, "1 min 35 s"),
        (3599.6, "1 h 00 min"),
        (7380, "2 h 03 min"),
        (math.nan, "–"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == said


def test_counts_and_powers() -> None:
    assert (count(1727962), count(-5000)) == ("1,727,962", "−5,000")
    assert (counted(1, "seed", "seeds"), counted(3000, "seed", "seeds")) == ("1 seed", "3,000 seeds")
    assert [power_of_ten(exponent) for exponent in (-16, 0, 1, 2)] == ["10⁻¹⁶", "1", "10", "10²"]
