"""The phase diagram of a deep net without norms: where signals order, where they are chaos, and how fast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from skipline.spec import Activation
from skipline.theory.activation import is_homogeneous
from skipline.theory.gaussian import moments
from skipline.theory.mean_field import critical_weight_variance, depth_scale, fixed_point, slope


@dataclass(frozen=True, slots=True)
class PhasePoint:
    """One choice of σ_w² and σ_b²: q*, χ₁ there, and ξ. Below χ₁ = 1 gradients vanish, above they explode."""

    weight_variance: float
    bias_variance: float
    second_moment: float
    chi: float
    depth_scale: float


@dataclass(frozen=True, slots=True)
class PhaseDiagram:
    """`points[i][j]` is at `bias_variances[i]` and `weight_variances[j]`; `critical[i]` the σ_w² with χ₁ = 1 there."""

    weight_variances: tuple[float, ...]
    bias_variances: tuple[float, ...]
    points: tuple[tuple[PhasePoint, ...], ...]
    critical: tuple[float, ...]


def phase_point(activation: Activation, *, weight_variance: float, bias_variance: float) -> PhasePoint:
    """Where a net with these σ_w² and σ_b² stands ("you are here"); arXiv 1611.01232, figures 1 and 5.

    Where q grows without end, χ₁ is that at a second moment of 1, which for a homogeneous φ is that at any.
    """
    q = fixed_point(activation, weight_variance=weight_variance, bias_variance=bias_variance)
    chi = slope(activation, q if math.isfinite(q) else 1.0, weight_variance=weight_variance)
    return PhasePoint(weight_variance, bias_variance, q, chi, depth_scale(chi))


def phase_diagram(
    activation: Activation, *, weight_variances: Sequence[float], bias_variances: Sequence[float]
) -> PhaseDiagram:
    """The diagram over a grid, with its critical line; raises `ValueError` for variances below 0."""
    points = tuple(
        tuple(phase_point(activation, weight_variance=w, bias_variance=b) for w in weight_variances)
        for b in bias_variances
    )
    critical = tuple(critical_line(activation, b) for b in bias_variances)
    return PhaseDiagram(tuple(weight_variances), tuple(bias_variances), points, critical)


def critical_line(activation: Activation, bias_variance: float) -> float:
    """The σ_w² with χ₁ = 1 at this σ_b²; of a homogeneous φ the same for all, though with a bias q grows there."""
    if is_homogeneous(activation):
        return 1 / moments(activation).slope_square
    return critical_weight_variance(activation, bias_variance=bias_variance)
