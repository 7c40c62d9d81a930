"""Expectations of an activation over Gaussian inputs, alone and in correlated pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from skipline.spec import Activation
from skipline.theory.activation import Array, is_homogeneous, negative_slope, normal_cdfs, plain, slopes, values

_NODES = 12  # of Gauss–Legendre in each panel: measured, all expectations here to 1e-9 against 24, GELU's erf apart
_END = 9.0  # standard deviations: beyond lies 2e-19 of a Gaussian
_WIDEST = 3.0  # standard deviations a panel may span: guessed, see `_NODES` for what it gives
_FEATURE = 0.75  # in x: φ changes its shape over distances like this and, farther from 0, over longer ones: guessed


@dataclass(frozen=True, slots=True)
class Moments:
    """Of φ(x) over one Gaussian: `mean` E[φ], `second_moment` E[φ²], `slope_square` E[φ′²]."""

    mean: float
    second_moment: float
    slope_square: float

    @property
    def variance(self) -> float:
        """Var φ = E[φ²] − E[φ]²."""
        return max(self.second_moment - self.mean**2, 0.0)


def moments(activation: Activation, *, mean: float = 0.0, variance: float = 1.0) -> Moments:
    """E[φ], E[φ²] and E[φ′²] for x ~ N(mean, variance).

    Closed forms for relu, leaky relu and the identity; else quadrature in panels that end at 0 and grow away from it,
    so that small and large variances are as exact as 1 is: to 1e-9, gelu to 1e-6. With variance 0: of φ(mean).
    The numbers around a transformed φ are applied to the input's and the output's moments.
    """
    if activation.is_transformed:
        return _transformed(activation, mean, variance)
    if is_homogeneous(activation):
        return _linear_moments(negative_slope(activation), mean, math.sqrt(variance))
    if variance == 0:
        point = np.array([mean])
        value, slope = values(activation, point).item(), slopes(activation, point).item()
        return Moments(value, value**2, slope**2)
    x, weights = nodes(mean, variance)
    y = values(activation, x)
    dy = slopes(activation, x)
    return Moments((weights @ y).item(), (weights @ (y * y)).item(), (weights @ (dy * dy)).item())


def product(activation: Activation, correlation: float, *, mean: float = 0.0, variance: float = 1.0) -> float:
    """E[φ(x) φ(y)] for x and y each N(mean, variance), with this correlation (the covariance over the variance).

    For relu of mean 0: `variance/2 · κ₁(c)` (Cho & Saul 2009, of degree 1). Else, with what x and y share held at u,
    `E_u[g(u) g(±u)]`, g(u) = E[φ | u], both by the quadrature of `moments`; to 1e-6, elu to 1e-5.
    """
    c = _correlation(correlation)
    if activation.is_transformed:
        inner, scale, shift = plain(activation), activation.output_scale, activation.output_shift
        m, v = _read(activation, mean, variance)
        both = product(inner, c, mean=m, variance=v)
        return scale**2 * (both + shift * (2 * moments(inner, mean=m, variance=v).mean + shift))
    if is_homogeneous(activation) and mean == 0:
        a = negative_slope(activation)
        odd, even = (1 + a) / 2, (1 - a) / 2  # φ(x) = odd · x + even · |x|
        absolute = 2 / math.pi * (math.sqrt(1 - c * c) + c * math.asin(c))  # E|x||y| at unit variance
        return variance * (odd * odd * c + even * even * absolute)
    return _shared(activation, c, mean, variance, of_slopes=False)


def slope_product(activation: Activation, correlation: float, *, mean: float = 0.0, variance: float = 1.0) -> float:
    """E[φ′(x) φ′(y)], x and y as for `product`; for relu of mean 0 `(π − arccos c) / 2π`."""
    c = _correlation(correlation)
    if activation.is_transformed:
        m, v = _read(activation, mean, variance)
        steepness = (activation.input_scale * activation.output_scale) ** 2
        return steepness * slope_product(plain(activation), c, mean=m, variance=v)
    if is_homogeneous(activation) and mean == 0:
        a = negative_slope(activation)
        return ((1 + a) / 2) ** 2 + ((1 - a) / 2) ** 2 * 2 / math.pi * math.asin(c)
    return _shared(activation, c, mean, variance, of_slopes=True)


def forward_gain(activation: Activation) -> float:
    """`√(1 / E[φ²])` for x ~ N(0, 1): Var W = gain² / fan_in keeps that variance through W φ(x)."""
    return math.sqrt(1 / moments(activation).second_moment)


def nodes(mean: float, variance: float, *, bends: tuple[float, ...] = (0.0,)) -> tuple[Array, Array]:
    """Points x and weights of a quadrature over N(mean, variance): `E[f] = Σ weights · f(x)`, f smooth but at `bends`.

    Panels end at every bend and widen with the distance from it.
    """
    deviation = math.sqrt(variance)
    edges = {-_END, _END}
    for bend in bends:
        kink = (bend - mean) / deviation
        steps = range(_powers(_END + abs(kink), _FEATURE / deviation))
        reach = [_FEATURE * 2.0**power / deviation for power in steps]
        edges |= {kink, *(kink + r for r in reach), *(kink - r for r in reach)}
    inside = np.array(sorted(edge for edge in edges if -_END <= edge <= _END))
    counts = np.ceil(np.diff(inside) / _WIDEST).astype(int)
    left = np.repeat(inside[:-1], counts)
    width = np.repeat(np.diff(inside) / counts, counts)
    left = left + width * (np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts))
    unit, weight = _legendre()
    z = (left[:, None] + width[:, None] * unit).ravel()
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return mean + deviation * z, (width[:, None] * weight).ravel() * density


def normal_cdf(z: float) -> float:
    """P(Z ≤ z) for Z ~ N(0, 1), exact in the lower tail too."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def _powers(span: float, first: float) -> int:
    """How many of first, 2 first, 4 first, … lie below `span`."""
    return max(0, math.ceil(math.log2(span / first))) if first < span else 0


@cache
def _legendre() -> tuple[Array, Array]:
    unit, weight = np.polynomial.legendre.leggauss(_NODES)
    return (unit + 1) / 2, weight / 2


def _read(activation: Activation, mean: float, variance: float) -> tuple[float, float]:
    """Mean and variance of what φ reads where φ̂ reads N(mean, variance)."""
    return activation.input_scale * mean + activation.input_shift, activation.input_scale**2 * variance


def _transformed(activation: Activation, mean: float, variance: float) -> Moments:
    m, v = _read(activation, mean, variance)
    inner = moments(plain(activation), mean=m, variance=v)
    scale, shift = activation.output_scale, activation.output_shift
    return Moments(
        scale * (inner.mean + shift),
        scale**2 * (inner.second_moment + shift * (2 * inner.mean + shift)),
        (scale * activation.input_scale) ** 2 * inner.slope_square,
    )


def _linear_moments(a: float, mean: float, deviation: float) -> Moments:
    """Of φ(x) = max(x, 0) + a min(x, 0), from the truncated moments of a Gaussian on both sides of 0."""
    if deviation == 0:
        slope = 1.0 if mean > 0 else a
        return Moments(slope * mean, (slope * mean) ** 2, slope**2)
    z = mean / deviation
    above = normal_cdf(z)
    below = normal_cdf(-z)
    density = math.exp(-0.5 * min(z * z, 1400.0)) / math.sqrt(2.0 * math.pi)
    mean_above, mean_below = z * above + density, z * below - density
    square_above, square_below = (1 + z * z) * above + z * density, (1 + z * z) * below - z * density
    return Moments(
        deviation * (mean_above + a * mean_below),
        deviation * deviation * (square_above + a * a * square_below),
        above + a * a * below,
    )


def _correlation(correlation: float) -> float:
    if not -1 - 1e-9 <= correlation <= 1 + 1e-9:  # 1e-9: what rounding may add to a cosine
        raise ValueError(f"correlation is {correlation}; it must be between -1 and 1.")
    return min(1.0, max(-1.0, correlation))


def _shared(activation: Activation, c: float, mean: float, variance: float, *, of_slopes: bool) -> float:
    """E[g(u) g(±u)]: u ~ N(0, 1) is what the pair shares, with the sign of c."""
    if variance == 0:
        function = slopes if of_slopes else values
        return function(activation, np.array([mean])).item() ** 2
    if c == 0:
        x, weights = nodes(mean, variance)
        return (weights @ (slopes if of_slopes else values)(activation, x)).item() ** 2
    common, weights = nodes(mean, variance * abs(c), bends=(0.0,) if c > 0 else (0.0, 2 * mean))
    own = variance * (1 - abs(c))
    g = _smoothed(activation, common, own, of_slopes=of_slopes)
    other = g if c >= 0 else _smoothed(activation, 2 * mean - common, own, of_slopes=of_slopes)
    return (weights @ (g * other)).item()


def _smoothed(activation: Activation, centre: Array, variance: float, *, of_slopes: bool) -> Array:
    """E[φ(centre + own)], or of φ′, over what only one of a pair has: own ~ N(0, variance)."""
    function = slopes if of_slopes else values
    if variance == 0:
        return function(activation, centre)
    if is_homogeneous(activation):  # its kink is at 0, where no panel of the quadrature of `own` ends
        a, deviation = negative_slope(activation), math.sqrt(variance)
        z = centre / deviation
        above = normal_cdfs(z)
        if of_slopes:
            return a + (1 - a) * above
        density = np.exp(-0.5 * np.minimum(z * z, 1400.0)) / math.sqrt(2.0 * math.pi)
        return deviation * (a * z + (1 - a) * (z * above + density))
    own, weights = nodes(0.0, variance)
    return function(activation, centre[:, None] + own) @ weights
