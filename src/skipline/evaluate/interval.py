"""Intervals: how far a measure of these images may lie from that of all images of the kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from skipline.evaluate.scores import Ints

_QUANTILE = 1.959964  # the normal distribution's 97.5 % quantile
NUM_RESAMPLES = 1000  # Efron & Tibshirani 1993, section 12: enough for the ends of a 95 % percentile interval


@dataclass(frozen=True, slots=True)
class Measured:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """The three numbers by name."""
        return {"value": self.value, "low": self.low, "high": self.high}


def wilson(num: int, total: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of the share num / total, of independent images (Wilson 1927, JASA 22).

    (0, 1) where ``total`` is 0: nothing is known.
    """
    if total == 0:
        return 0.0, 1.0
    z, n, p = _QUANTILE, total, num / total
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def share(num: int, total: int) -> Measured:
    """The share num / total with its Wilson interval; NaN of nothing."""
    return Measured(num / total if total else math.nan, *wilson(num, total))


def bootstrap(
    statistic: Callable[[Ints], float], num_images: int, *, generator: torch.Generator, num: int = NUM_RESAMPLES
) -> tuple[float, float]:
    """The 95 % percentile interval of ``statistic`` over ``num`` resamples (Efron & Tibshirani 1993, section 13.3).

    A resample is ``num_images`` indices drawn with replacement by ``generator``; values that are not finite are left
    out, and where none is finite the interval is (NaN, NaN).
    """
    values = np.array(
        [statistic(torch.randint(num_images, (num_images,), generator=generator).numpy()) for _ in range(num)]
    )
    finite = values[np.isfinite(values)]
    if not len(finite):
        return math.nan, math.nan
    low, high = np.quantile(finite, (0.025, 0.975))
    return float(low), float(high)
