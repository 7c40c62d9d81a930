"""Mean field of a deep net without norms: fixed point, slope, depth scale and critical line (arXiv 1611.01232)."""

from __future__ import annotations

import math

from skipline.spec import Activation
from skipline.theory.gaussian import moments

TRAINABLE_SCALES = 6.0  # depth scales up to which nets train: measured by Schoenholz et al. 2016, arXiv 1611.01232, § 5

_MOST_STEPS = 2000  # guessed: at the critical line of no bias q falls like 1/steps, and then 1e-3 is left
_LARGEST = 1e12  # a second moment that has come this far has no fixed point
_NEXT_TO_NOTHING = 1e-16  # a second moment at which φ is its slopes at 0, to rounding
_CLOSE = 1e-12  # relative change at which a fixed point is reached


def next_second_moment(activation: Activation, q: float, *, weight_variance: float, bias_variance: float) -> float:
    """`q′ = σ_w² E[φ(√q z)²] + σ_b²` (arXiv 1611.01232, equation 3); exact as the width grows."""
    return weight_variance * moments(activation, variance=q).second_moment + bias_variance


def fixed_point(activation: Activation, *, weight_variance: float, bias_variance: float) -> float:
    """q*, to which the second moment before φ goes from q = 1; ∞ where it grows without end.

    By iteration, each step accelerated by Aitken's Δ² where that helps. tanh at σ_w² = 1.761, σ_b² = 0.05: 0.570.
    """
    _check(weight_variance, bias_variance)
    q = 1.0
    for _ in range(_MOST_STEPS):
        one = next_second_moment(activation, q, weight_variance=weight_variance, bias_variance=bias_variance)
        two = next_second_moment(activation, one, weight_variance=weight_variance, bias_variance=bias_variance)
        if two > _LARGEST:
            return math.inf
        if abs(two - q) <= _CLOSE * max(q, 1e-300):
            return two
        bend = two - 2 * one + q
        jump = q - (one - q) ** 2 / bend if bend else two
        q = jump if 0 < jump < _LARGEST and abs(one - q) > abs(two - one) else two
    return q


def slope(activation: Activation, q: float, *, weight_variance: float) -> float:
    """`χ₁ = σ_w² E[φ′(√q z)²]`: the squared gradient of a layer over that of the next (equation 5)."""
    return weight_variance * moments(activation, variance=q).slope_square


def depth_scale(chi: float) -> float:
    """`ξ = −1 / ln χ₁` layers, over which correlations and, for χ₁ < 1, squared gradients change by e; ∞ at χ₁ = 1.

    Absolute: for χ₁ > 1 it is 1/ln χ₁, the scale on which gradients explode.
    """
    if chi <= 0:
        return 0.0
    return math.inf if chi == 1 else abs(1 / math.log(chi))


def critical_weight_variance(activation: Activation, *, bias_variance: float) -> float:
    """The σ_w² at which χ₁ = 1 at the fixed point of this σ_b² (figure 1); tanh, σ_b² = 0.05: 1.7610.

    By the q that is a fixed point there: σ_w² = 1/E[φ′²] and q = σ_w² E[φ²] + σ_b². Raises `ValueError` where there is
    none: a homogeneous φ is critical at σ_b² = 0 only.
    """
    _check(1.0, bias_variance)

    def excess(q: float) -> float:
        found = moments(activation, variance=q)
        return q - found.second_moment / found.slope_square - bias_variance

    low, high = 1e-8, 1e8
    if bias_variance == 0:
        return 1 / moments(activation, variance=_NEXT_TO_NOTHING).slope_square
    if excess(low) > 0 or excess(high) < 0:
        raise ValueError(
            f"{activation.kind} has no critical σ_w² at σ_b² = {bias_variance:g}: with χ₁ = 1 its second moment has no "
            "fixed point there. Use bias_variance=0, or another activation."
        )
    for _ in range(200):  # halvings of a range of 16 decades: to rounding
        middle = math.sqrt(low * high)
        low, high = (middle, high) if excess(middle) < 0 else (low, middle)
    return 1 / moments(activation, variance=low).slope_square


def _check(weight_variance: float, bias_variance: float) -> None:
    for name, value in (("weight_variance", weight_variance), ("bias_variance", bias_variance)):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {value}; it must be a finite number of at least 0.")
