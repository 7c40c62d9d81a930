"""The values that several seeds gave, summed up."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Mean, sample standard deviation and range of `num` finite values; all NaN where `num` is 0.

    `deviation` divides by num − 1 and is NaN for fewer than two values.
    """

    num: int
    mean: float
    deviation: float
    low: float
    high: float


def spread(values: Iterable[float]) -> Spread:
    """Sum up the finite ones among `values`; the others are left out of `num`."""
    kept = [value for value in values if math.isfinite(value)]
    if not kept:
        return Spread(num=0, mean=math.nan, deviation=math.nan, low=math.nan, high=math.nan)
    mean = math.fsum(kept) / len(kept)
    squares = math.fsum((value - mean) ** 2 for value in kept)
    deviation = math.sqrt(squares / (len(kept) - 1)) if len(kept) > 1 else math.nan
    return Spread(num=len(kept), mean=mean, deviation=deviation, low=min(kept), high=max(kept))
