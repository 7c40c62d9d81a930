"""An axis: the range it spans, where a value lies on it, and its ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from skipline.report.number import MINUS, SPACE, number, power_of_ten

Kind = Literal["linear", "log"]

# Steps that read as round in decimal; Heckbert, "Nice numbers for graph labels", Graphics Gems 1990.
_ROUND_STEPS = (1.0, 2.0, 5.0, 10.0)
_MOST_POWERS = 6  # of ten that are ticks of one axis; guessed: their labels have room
_LEAST_EXPONENT, _MOST_EXPONENT = -323, 308  # of ten, in IEEE 754 binary64, denormal numbers included


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A range of values in the unit that `title` names, with ticks inside it.

    `labels` has one text a tick. Raises ValueError for a range that is empty, not finite, or, on a log axis, not
    above 0; and for a tick outside the range.
    """

    title: str
    kind: Kind
    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(
                f"axis {self.title!r}: the range {self.low} to {self.high} is empty or not finite; "
                "low must be below high"
            )
        if self.kind == "log" and self.low <= 0:
            raise ValueError(
                f"log axis {self.title!r}: the range starts at {self.low}; a log axis shows only values above 0"
            )
        if len(self.labels) != len(self.ticks):
            raise ValueError(f"axis {self.title!r}: {len(self.ticks)} ticks but {len(self.labels)} labels")
        for tick in self.ticks:
            if not self.low <= tick <= self.high:
                raise ValueError(f"axis {self.title!r}: tick {tick} is outside {self.low} to {self.high}")

    def place(self, value: float) -> float:
        """Where `value` lies: 0 at `low`, 1 at `high`; linear in the value, or in its logarithm.

        Raises ValueError for a value that is not finite or, on a log axis, not above 0.
        """
        if not math.isfinite(value):
            raise ValueError(f"axis {self.title!r}: {value} has no place; leave it out of the chart and say so")
        if self.kind == "linear":
            return (value - self.low) / (self.high - self.low)
        if value <= 0:
            raise ValueError(f"log axis {self.title!r}: {value} has no place; a log axis shows only values above 0")
        start, end = math.log(self.low), math.log(self.high)
        return (math.log(value) - start) / (end - start)

    def shows(self, value: float) -> bool:
        """Whether `value` has a place within the range."""
        return math.isfinite(value) and self.low <= value <= self.high


def round_step(span: float, num: int, *, whole: bool = False) -> float:
    """The smallest of 1, 2, 5 × 10^k that divides `span` > 0 into at most `num` steps; at least 1 if `whole`."""
    rough = span / num
    decade = 10.0 ** math.floor(math.log10(rough))
    # The last decade's end covers a quotient that rounding lifted just above it; 1e-9 is far below a pixel.
    step = next((decade * factor for factor in _ROUND_STEPS if decade * factor >= rough * (1 - 1e-9)), decade * 10)
    return max(step, 1.0) if whole else step


def round_ticks(low: float, high: float, *, step: float) -> tuple[float, ...]:
    """The multiples of `step` within `low` … `high`."""
    # Rounding to the step's own decimals removes binary dust such as 0.30000000000000004.
    places = -math.floor(math.log10(step))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(min(max(round(index * step, places), low), high) for index in range(first, last + 1))


def tick_labels(ticks: Sequence[float], *, step: float) -> tuple[str, ...]:
    """The texts of `ticks`, all with as many decimals as `step` needs; by powers of ten where that is shorter."""
    places = max(0, -math.floor(math.log10(step)))
    # Five characters is the widest label that leaves a phone's chart its room (looked at, at 375 px).
    if places <= 3 and max(map(abs, ticks), default=0) < 100_000:
        return tuple(f"{tick:,.{places}f}".replace("-", MINUS) for tick in ticks)
    return tuple(number(tick, digits=2).replace(f".0{SPACE}×", f"{SPACE}×") for tick in ticks)


def linear_axis(
    values: Iterable[float],
    *,
    title: str,
    num: int = 5,
    zero: bool = True,
    whole: bool = False,
    round_ends: bool = True,
) -> Axis:
    """An axis over the finite `values`: from 0 if `zero`, ends widened to ticks if `round_ends`.

    `num` is the greatest number of steps; `whole` keeps ticks to whole numbers. Where no value is finite the axis
    runs from 0 to 1.
    """
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = (low, low + 1.0) if zero else (low - 0.5, high + 0.5)
    step = round_step(high - low, num, whole=whole)
    if round_ends:
        low, high = step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)
    ticks = round_ticks(low, high, step=step)
    return Axis(title=title, kind="linear", low=low, high=high, ticks=ticks, labels=tick_labels(ticks, step=step))


def log_axis(values: Iterable[float], *, title: str) -> Axis:
    """An axis over the finite positive `values`, from a power of ten to a power of ten, its ticks powers of ten.

    Raises ValueError where none of `values` is positive.
    """
    given = list(values)
    positive = [value for value in given if math.isfinite(value) and value > 0]
    if not positive:
        raise ValueError(f"log axis {title!r}: none of the {len(given)} values is above 0; there is nothing to show")
    # The powers of ten that 64-bit floats have; a value above the last stands where that does, to a pixel.
    low, high = math.floor(math.log10(min(positive))), min(math.ceil(math.log10(max(positive))), _MOST_EXPONENT)
    low = max(min(low, _MOST_EXPONENT - 1), _LEAST_EXPONENT)
    high = max(high, low + 1)
    step = math.ceil((high - low) / _MOST_POWERS)
    exponents = range(step * math.ceil(low / step), high + 1, step)
    return Axis(
        title=title,
        kind="log",
        low=10.0**low,
        high=10.0**high,
        ticks=tuple(10.0**exponent for exponent in exponents),
        labels=tuple(power_of_ten(exponent) for exponent in exponents),
    )


def axis_at(values: Sequence[float], *, title: str, labels: Sequence[str], kind: Kind, margin: float) -> Axis:
    """An axis whose ticks are `values` themselves, with `margin` (a share of the range) free on either side.

    For a few distinct settings, such as the depths of a study. On a log axis the margin is a share of the logarithms'
    range. One value alone sits in the middle.
    """
    low, high = min(values), max(values)
    if kind == "log" and low > 0:
        factor = (high / low) ** margin if high > low else 2.0
        low, high = low / factor, high * factor
    else:
        free = (high - low) * margin if high > low else 1.0
        low, high = low - free, high + free
    return Axis(title=title, kind=kind, low=low, high=high, ticks=tuple(values), labels=tuple(labels))
