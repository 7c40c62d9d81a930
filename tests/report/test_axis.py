"""Axes: ends map to ends, order is kept, ticks are round and within the range."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skipline.report.plot.axis import Axis, axis_at, linear_axis, log_axis

finite = st.floats(-1e12, 1e12, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-6)
positive = st.floats(1e-300, 1e300)


@given(st.lists(finite, min_size=1, max_size=5), st.booleans(), st.booleans())
def test_a_linear_axis_holds_its_values_and_its_ticks(values: list[float], zero: bool, round_ends: bool) -> None:
    axis = linear_axis(values, title="x", zero=zero, round_ends=round_ends)
    assert (axis.place(axis.low), axis.place(axis.high)) == (0, 1)
    assert all(-1e-9 <= axis.place(value) <= 1 + 1e-9 for value in values)
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks)
    assert len(axis.ticks) == len(axis.labels) <= 8
    assert list(axis.ticks) == sorted(axis.ticks)
    assert not zero or axis.low <= 0 <= axis.high


@given(st.lists(positive, min_size=1, max_size=5))
def test_a_log_axis_holds_its_values_and_its_ticks(values: list[float]) -> None:
    axis = log_axis(values, title="y")
    assert (axis.place(axis.low), axis.place(axis.high)) == (0, 1)
    assert all(-1e-9 <= axis.place(value) <= 1 + 1e-9 for value in values)
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks)
    assert 1 <= len(axis.ticks) <= 8


def test_places_are_linear_or_logarithmic() -> None:
    linear = linear_axis([0, 100], title="x")
    assert [linear.place(value) for value in (0, 25, 50, 100)] == [0, 0.25, 0.5, 1]
    log = log_axis([1e-3, 10], title="y")
    places = [log.place(float(Decimal(10) ** exponent)) for exponent in (-3, -2, -1, 0, 1)]
    assert places == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=1e-12)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 87.3], ["0", "20", "40", "60", "80", "100"]),
        ([0.003, 0.0089], ["0.000", "0.002", "0.004", "0.006", "0.008", "0.010"]),
        ([0.31], ["0.0", "0.1", "0.2", "0.3", "0.4"]),
        ([-3, 4], ["−4", "−2", "0", "2", "4"]),
        ([912.0], ["0", "200", "400", "600", "800", "1,000"]),
        ([0, 4e-6], [f"{n}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10⁻⁶" if n else "0" for n in range(5)]),
        ([], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([0.0, math.nan, math.inf], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_linear_ticks(values: list[float], labels: list[str]) -> None:
    assert list(linear_axis(values, title="x").labels) == labels


def test_epochs_have_whole_ticks() -> None:
    assert linear_axis([1, 3], title="epoch", whole=True).labels == ("0", "1", "2", "3")
    thirteen = linear_axis([1, 13], title="epoch", whole=True, round_ends=False)
    assert (thirteen.high, thirteen.labels) == (13, ("0", "5", "10"))


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.5**50, 1.5**50], ["10⁻¹⁵", "10⁻¹⁰", "10⁻⁵", "1", "10⁵"]),
        ([0.02, 3], ["10⁻²", "10⁻¹", "1", "10"]),
        ([5], ["1", "10"]),
        ([1], ["1", "10"]),
        ([5e-324, 1.7e308], ["10⁻³¹⁸", "10⁻²¹²", "10⁻¹⁰⁶", "1", "10¹⁰⁶", "10²¹²"]),
        ([1.7e308], ["10³⁰⁷", "10³⁰⁸"]),
    ],
)
def test_log_ticks(values: list[float], labels: list[str]) -> None:
    assert list(log_axis(values, title="y").labels) == labels


def test_an_axis_at_its_values() -> None:
    axis = axis_at([8, 20, 110], title="depth", labels=["8", "20", "110"], kind="log", margin=0.1)
    assert axis.ticks == (8, 20, 110)
    # A margin of a tenth of the range on both sides: the ends stand at 1/12 and 11/12.
    assert [axis.place(8), axis.place(110)] == pytest.approx([1 / 12, 11 / 12])
    alone = axis_at([20], title="depth", labels=["20"], kind="linear", margin=0.1)
    assert alone.place(20) == 0.5


def test_what_has_no_place_is_refused() -> None:
    log = log_axis([1, 10], title="signal")
    with pytest.raises(ValueError, match="log axis 'signal': 0 has no place; a log axis shows only values above 0"):
        log.place(0)
    with pytest.raises(ValueError, match=r"log axis 'signal': -2\.5 has no place"):
        log.place(-2.5)
    with pytest.raises(
        ValueError, match="log axis 'signal': none of the 3 values is above 0; there is nothing to show"
    ):
        log_axis([0, -1, math.nan], title="signal")
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match=r"'signal': (nan|inf) has no place; leave it out of the chart and say so"):
            log.place(value)


def test_an_axis_checks_itself() -> None:
    def axis(*, low: float, high: float, kind: str = "linear", ticks: tuple[float, ...] = ()) -> Axis:
        labels = ("a",) * len(ticks) if len(ticks) < 3 else ()
        return Axis(
            title="t", kind="log" if kind == "log" else "linear", low=low, high=high, ticks=ticks, labels=labels
        )

    with pytest.raises(ValueError, match=r"axis 't': the range 1 to 1 is empty or not finite; low must be below high"):
        axis(low=1, high=1)
    with pytest.raises(ValueError, match="the range 0 to inf is empty or not finite"):
        axis(low=0, high=math.inf)
    with pytest.raises(ValueError, match="log axis 't': the range starts at 0; a log axis shows only values above 0"):
        axis(low=0, high=1, kind="log")
    with pytest.raises(ValueError, match="axis 't': tick 3 is outside 0 to 2"):
        axis(low=0, high=2, ticks=(1, 3))
    with pytest.raises(ValueError, match="axis 't': 3 ticks but 0 labels"):
        axis(low=0, high=2, ticks=(0, 1, 2))
