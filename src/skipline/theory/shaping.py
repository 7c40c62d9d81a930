"""Activations shaped so that a network of a given depth keeps different inputs apart: TAT and DKS."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from skipline.spec import Activation, Network, SpecError
from skipline.spec.layers import ActivationKind
from skipline.theory.activation import slopes, values
from skipline.theory.correlation_map import CorrelationMap, correlation_map
from skipline.theory.gaussian import nodes

LARGEST_SLOPE = 2.0  # guessed: beyond it no depth is left over which a network has to be held back
_STEPS = 120  # at most, half of them halving: an interval of 1 to 1e-18
_CLOSEST = 1e-13  # of a function to 0: guessed, near the rounding of its quadrature
_SHIFTS = tuple(number / 8 for number in range(33))  # up to 4, of an input: guessed; beyond, every φ is nearly linear
_SCALES = tuple(1e-4 * 1.3**number for number in range(46))  # up to 14, of an input: guessed, wide of all solutions
_CLOSE = 1e-6  # of Q′(1) to 1: measured, a jump of α between two shifts leaves 1e-3 or more


def leaky_map(slope: float) -> Callable[[float], float]:
    """The local correlation map of a leaky ReLU: `c + (1 − a)² / (π (1 + a²)) · (√(1 − c²) − c arccos c)`.

    For a = 0 Cho & Saul's κ₁, of degree 1; in this form Zhang et al. 2022, arXiv 2203.08120, section 4.
    """
    weight = (1 - slope) ** 2 / (math.pi * (1 + slope**2))

    def local(c: float) -> float:
        c = min(1.0, max(-1.0, c))
        return c + weight * (math.sqrt(1 - c * c) - c * math.acos(c))

    return local


def leaky_shape(network: Network, *, eta: float) -> Activation:
    """The leaky ReLU by which no part of `network` maps orthogonal inputs to a correlation above `eta`.

    TAT: with slope a, `max C(0) = η` over the network and its branches (`CorrelationMap.largest`), which falls from its
    value with ReLU to 0 at a = 1; `output_scale = √(2 / (1 + a²))`, so that E[φ̂²] = E[x²] (Zhang et al. 2022, arXiv
    2203.08120, section 4, whose η is 0.9). Raises `SpecError` where `CorrelationMap` does not hold, and for a network
    that stays below `eta` with ReLU.
    """
    if not 0 < eta < 1:
        raise SpecError(f"eta is {eta!r}; it must lie between 0 and 1, e.g. 0.9.")
    maps = correlation_map(network)
    plain = maps.largest(leaky_map(0.0), 0.0)
    if plain <= eta:
        raise SpecError(
            f"{network.name}: with ReLU orthogonal inputs come to a correlation of {plain:.3f}, which is not above "
            f"eta = {eta:g}: it is too shallow to need another slope. Leave its activation, or use an eta below that."
        )
    slope = _root(lambda a: eta - maps.largest(leaky_map(a), 0.0), 0.0, 1.0)
    return Activation("leaky_relu", slope, output_scale=math.sqrt(2 / (1 + slope**2)))


def local_slope(maps: CorrelationMap, *, slope: float) -> float:
    """ψ, the C′(1) of one activation by which the steepest part of a network has C′(1) = `slope`."""
    return _root(lambda psi: maps.largest(lambda c: psi * c, 1.0) - slope, 1.0, slope)


def deep_kernel_shape(network: Network, *, slope: float) -> Activation:
    """The network's own activation, shaped so that the steepest part of `network` has C′(1) = `slope`.

    DKS: ψ = `local_slope`, over the network and its branches (`CorrelationMap.largest`); plain and with L activations
    ψ = slope^(1/L). The activation is `shaped(kind, ψ)`. Source: Martens et al. 2021, arXiv 2110.01765, section 6,
    whose slope is 1.5. Raises `SpecError` where `CorrelationMap` does not hold, where an addition changes the second
    moment, and for an activation that cannot be shaped.
    """
    if not 1 < slope <= LARGEST_SLOPE:
        raise SpecError(f"slope is {slope!r}; it must be above 1 and at most {LARGEST_SLOPE:g}, e.g. 1.5.")
    maps = correlation_map(network)
    for number, stage in enumerate(network.stages, start=1):
        merge = stage.block.merge
        total = merge.branch_scale**2 + merge.shortcut_scale**2
        if stage.block.is_residual and not math.isclose(total, 1.0, rel_tol=1e-6):
            raise SpecError(
                f"{network.name}: stage{number} adds {merge.branch_scale:g} f(x) to {merge.shortcut_scale:g} x, which "
                f"multiplies the second moment by {total:g}; shaped activations need it to stay 1. "
                "Use e.g. Merge(branch_scale=0.6, shortcut_scale=0.8)."
            )
    return shaped(network.activation.kind, slope=local_slope(maps, slope=slope))


def shaped(kind: ActivationKind, *, slope: float) -> Activation:
    """`φ̂(x) = γ (φ(αx + β) + δ)` with E[φ̂] = 0, E[φ̂²] = 1, Q′(1) = 1 and C′(1) = `slope` at x ~ N(0, 1).

    `Q(q) = E[φ̂(√q z)²]`, so Q′(1) = E[φ̂ φ̂′ z]; `C(c) = E[φ̂(x) φ̂(y)]` at correlation c, so C(0) = E[φ̂]² and
    C′(1) = E[φ̂′²]. δ = −E[φ] and γ = 1/√Var φ at αz + β; for each β the least α that has the slope, and of the β with
    Q′(1) = 1 the one nearest to 0, by quadrature. Source: Martens et al. 2021, arXiv 2110.01765,
    section 6. Raises `SpecError` for a piecewise linear φ, whose form depends on β/α alone, and where no β is found.
    """
    if kind in ("relu", "leaky_relu", "identity"):
        raise SpecError(
            f"the activation {kind!r} cannot be shaped by DKS: it bends in one point or in none, so that one number "
            "decides its form, and two conditions ask for it. Use 'tanh', 'silu', 'gelu' or 'elu', or TAT for 'relu'."
        )
    for low, high in _changes(kind, slope):
        beta = _root(lambda beta: _excess(kind, slope, beta), low, high)
        alpha = _input_scale(kind, slope, beta)
        if alpha is None:
            continue
        found = _Local.of(kind, alpha, beta)
        if abs(found.moment_slope - 1) < _CLOSE:
            return Activation(kind, 0.0, alpha, beta, -found.mean, 1 / math.sqrt(found.variance))
    raise SpecError(
        f"the activation {kind!r} cannot be shaped to C′(1) = {slope:.4g}: no shift of its input keeps the second "
        "moment. Such a slope is that of a network with hardly any activation: use more layers, a smaller slope or "
        "another activation."
    )


@dataclass(frozen=True, slots=True)
class _Local:
    """Of the normalised φ(αz + β): mean and variance before; then C′(1) and Q′(1)."""

    mean: float
    variance: float
    correlation_slope: float
    moment_slope: float

    @staticmethod
    def of(kind: ActivationKind, alpha: float, beta: float) -> _Local:
        x, weights = nodes(beta, alpha**2)
        activation = Activation(kind)
        y, dy = values(activation, x), slopes(activation, x)
        mean = (weights @ y).item()
        variance = (weights @ (y - mean) ** 2).item()
        return _Local(
            mean,
            variance,
            alpha**2 * (weights @ dy**2).item() / variance,
            (weights @ ((y - mean) * dy * (x - beta))).item() / variance,
        )


def _input_scale(kind: ActivationKind, slope: float, beta: float) -> float | None:
    """The least α at which C′(1) = `slope`; None where none of those tried reaches it."""

    def excess(alpha: float) -> float:
        return _Local.of(kind, alpha, beta).correlation_slope - slope

    for low, high in pairwise(_SCALES):
        if excess(high) >= 0:
            return _root(excess, low, high) if excess(low) < 0 else None
    return None


def _excess(kind: ActivationKind, slope: float, beta: float) -> float:
    """Q′(1) − 1 at this β; not a number where no α has the slope."""
    alpha = _input_scale(kind, slope, beta)
    return math.nan if alpha is None else _Local.of(kind, alpha, beta).moment_slope - 1


def _changes(kind: ActivationKind, slope: float) -> Iterator[tuple[float, float]]:
    """Neighbouring shifts between which Q′(1) passes 1, those nearest to 0 first and the positive of two."""
    before = {sign: _excess(kind, slope, 0.0) for sign in (1, -1)}
    for near, far in pairwise(_SHIFTS):
        for sign in (1, -1):
            now = _excess(kind, slope, sign * far)
            if before[sign] * now < 0:
                yield (sign * near, sign * far) if before[sign] < 0 else (sign * far, sign * near)
            before[sign] = now


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where `function` passes 0 between `low`, where it is below, and `high`: by the secant and by halves in turn."""
    f_low, f_high = function(low), function(high)
    for number in range(_STEPS):
        middle = (low + high) / 2
        secant = (low * f_high - high * f_low) / (f_high - f_low) if math.isfinite(f_high) and f_high > f_low else low
        if number % 2 == 0 and min(low, high) < secant < max(low, high):
            middle = secant
        value = function(middle)
        if value < 0:
            low, f_low = middle, value
        else:
            high, f_high = middle, value
        if abs(value) < _CLOSEST or low == high:
            return middle
    return (low + high) / 2
