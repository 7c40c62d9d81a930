"""Intervals: how far a measure of these images may lie from that of all images of the kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from skipline.evaluate.scores import Floats, Ints

_QUANTILE = 1.959964  # the normal distribution's 97.5 % quantile
_BISECTIONS = 40  # an end is then known to a millionth of a millionth
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

    (0, 1) where `total` is 0: nothing is known.
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


def mean_share(nums: Ints, totals: Ints) -> Measured:
    """The mean of the independent shares num / total, and its 95 % score interval; NaN of nothing.

    Those with a total of 0 are left out. The interval is every θ with (θ̂ − θ)² ≤ z² V(θ), where V(θ) is the largest
    variance Σ p_k (1 − p_k) / n_k / K² of shares p_k whose mean is θ: it holds whatever the shares are. Of equal totals
    V = θ (1 − θ) / Σ n_k, and it is Wilson's of all images together. A bootstrap is too narrow on few images: a class
    whose two images are right has no spread left.
    """
    there = totals > 0
    n, num_shares = totals[there].astype(np.float64), int(there.sum())
    if not num_shares:
        return Measured(math.nan, 0.0, 1.0)
    value, variance = float((nums[there] / n).mean()), _largest_variance(n)

    def is_within(theta: float) -> bool:
        return (value - theta) ** 2 <= _QUANTILE**2 * variance(theta)

    # The left side less the right one is convex in θ and at most 0 at θ̂, so each end is met once on its side.
    return Measured(value, _edge(is_within, inside=value, outside=0.0), _edge(is_within, inside=value, outside=1.0))


def _edge(is_within: Callable[[float], bool], *, inside: float, outside: float) -> float:
    """Where `is_within` ends between two numbers; `outside` where it does not."""
    if is_within(outside):
        return outside
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if is_within(middle) else (inside, middle)
    return inside


def _largest_variance(n: Floats) -> Callable[[float], float]:
    """V: by Lagrange (1 − 2 p_k) / n_k is the same λ for all k whose share is neither 0 nor 1.

    The mean of the shares is piecewise linear in λ, with a bend wherever one of them reaches 0 or 1.
    """
    bends = np.unique(np.concatenate([1 / n, -1 / n]))[::-1]  # from shares of 0 to shares of 1

    def shares(multiplier: Floats) -> Floats:
        return np.clip((1 - multiplier[:, None] * n) / 2, 0.0, 1.0)

    means = shares(bends).mean(axis=1)

    def variance(theta: float) -> float:
        (p,) = shares(np.interp([theta], means, bends))
        return float((p * (1 - p) / n).sum()) / len(n) ** 2

    return variance


def bootstrap(
    statistic: Callable[[Ints], float], num_images: int, *, generator: torch.Generator, num: int = NUM_RESAMPLES
) -> tuple[float, float]:
    """The 95 % percentile interval of `statistic` over `num` resamples (Efron & Tibshirani 1993, section 13.3).

    A resample is `num_images` indices drawn with replacement by `generator`; values that are not finite are left
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
