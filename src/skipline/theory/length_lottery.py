"""The length lottery: in a net without norms the length of the signal is a product of random factors, one a layer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

LotteryKind = Literal["relu", "linear", "orthogonal_linear"]
# n times the relative variance of |x|² in one layer of n units. relu: E[φ⁴]/E[φ²]² − 1 = 6 − 1; linear: 3 − 1; an
# orthogonal matrix keeps every length. Derived.
_PER_LAYER: dict[LotteryKind, float] = {"relu": 5.0, "linear": 2.0, "orthogonal_linear": 0.0}


@dataclass(frozen=True, slots=True)
class LogLength:
    """ln ‖x‖² over draws of the weights: N(mean, variance)."""

    mean: float
    variance: float

    @property
    def median_factor(self) -> float:
        """The median of ‖x‖² over its mean: e^mean."""
        return math.exp(self.mean)


def log_length(widths: Iterable[int], *, kind: LotteryKind = "relu") -> LogLength:
    """`ln(‖x_L‖²/‖x₀‖²) ~ N(−5/2 Σ 1/n, 5 Σ 1/n)` for He weights behind layers of these widths.

    The mean of ‖x‖² stays; the median falls by e^(−5L/2n). Derived: a layer multiplies ‖x‖² by 1 + ε with Var ε = 5/n;
    to first order in 1/n for each layer, in distribution as L grows (Hanin & Nica 2018, arXiv 1812.05994).
    """
    if kind not in _PER_LAYER:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(map(repr, _PER_LAYER))}.")
    variance = _PER_LAYER[kind] * sum(1 / width for width in widths)
    return LogLength(-variance / 2, variance)
