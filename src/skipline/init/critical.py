"""The edge of chaos: the variance of the weights at which a layer keeps the size of a gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from skipline.init.error import InitError
from skipline.init.require import each_of, free_weights, no_norm
from skipline.init.row import row
from skipline.init.rules import normal
from skipline.init.scheme import Requirement, Scheme
from skipline.init.slot import Slot
from skipline.spec import Activation, Network
from skipline.theory.gaussian import moments

# Guessed: where fixed points of q are looked for. The lower end stands for q → 0.
_LEAST_Q, _GREATEST_Q = 1e-6, 1e3
_STEPS = 90  # a factor of 1.26 in q from one to the next: guessed, the curves σ_b²(q) are smooth on that scale
_BISECTIONS = 60  # derived: halves a factor of 1.26 to double precision


@dataclass(frozen=True, slots=True)
class CriticalPoint:
    """σ_w², σ_b² and the second moment q* to which they bring the signal."""

    weight_variance: float
    bias_variance: float
    second_moment: float


def critical(bias_variance: float) -> Scheme:
    """`W ~ N(0, σ_w²/fan_in)`, `b ~ N(0, σ_b²)` with σ_b² given and σ_w² such that χ₁ = 1 for the activation.

    χ₁ = σ_w² E[φ′(√q* z)²] at the fixed point `q* = σ_w² E[φ(√q* z)²] + σ_b²`, z ~ N(0, 1). There a plain net keeps the
    size of its gradient on the way back, in the mean-field limit. Poole et al. 2016, arXiv 1606.05340; Schoenholz et
    al. 2016, arXiv 1611.01232, section 3. For ReLU only σ_b² = 0 has a fixed point, and σ_w² = 2: He's rule. Raises
    `InitError` for a negative σ_b², at build where the activation has no such point, and for σ_b² > 0 in a network with
    norms, whose convolutions have no bias.
    """
    if not bias_variance >= 0:
        raise InitError(f"critical needs a variance of biases, at least 0, and got {bias_variance}. Use critical(0).")

    def weights(slot: Slot) -> float:
        return critical_point(slot.network.activation, bias_variance).weight_variance / slot.fans.fan_in

    scheme = row(
        f"critical({float(bias_variance)!r})",
        "W ~ N(0, σ_w²/fan_in), b ~ N(0, σ_b²), χ₁ = 1",
        "arXiv 1611.01232, section 3",
        normal(weights),
        requires=each_of(free_weights("critical"), _has_point(bias_variance)),
    )
    if bias_variance == 0:
        return scheme
    rules = {**scheme.rules, "conv.bias": normal(lambda _slot: bias_variance)}
    return replace(scheme, rules=rules, requires=each_of(no_norm("critical", "critical(0)"), scheme.requires))


def _has_point(bias_variance: float) -> Requirement:
    def require(network: Network) -> None:
        try:
            critical_point(network.activation, bias_variance)
        except InitError as error:
            raise InitError(f"{network.name}: {error}") from None

    return require


@lru_cache(maxsize=64)  # guessed: a handful of activations and variances are in use at a time
def critical_point(activation: Activation, bias_variance: float) -> CriticalPoint:
    """The point of the critical line of `activation` at this σ_b². Raises `InitError` where there is none.

    At q the line has `σ_w² = 1/E[φ′²]` and `σ_b² = q − σ_w² E[φ²]`; q is found by bisection. Of several the first to
    which iteration leads, `σ_w² dE[φ²]/dq ≤ 1`, is taken. For σ_b² = 0 it is q → 0, or any q where φ is piecewise
    linear through 0.
    """
    low, *others = (_LEAST_Q * (_GREATEST_Q / _LEAST_Q) ** (step / _STEPS) for step in range(_STEPS + 1))
    if bias_variance == 0 and _sinks_to_zero(activation, low):
        return CriticalPoint(_weight_variance(activation, low), 0.0, low)
    for high in others:
        if (_bias_variance(activation, low) - bias_variance) * (_bias_variance(activation, high) - bias_variance) < 0:
            q = _root(activation, bias_variance, low, high)
            if _is_stable(activation, q):
                return CriticalPoint(_weight_variance(activation, q), bias_variance, q)
        low = high
    raise InitError(
        f"with {activation.kind!r} there is no σ_w² at which χ₁ = 1 and the signal stays at a fixed size for "
        f"σ_b² = {bias_variance:g}. Use he_fan_in_normal, another σ_b², or the activation tanh."
    )


def _weight_variance(activation: Activation, q: float) -> float:
    return 1.0 / moments(activation, variance=q).slope_square


def _bias_variance(activation: Activation, q: float) -> float:
    return q - _weight_variance(activation, q) * moments(activation, variance=q).second_moment


def _root(activation: Activation, bias_variance: float, low: float, high: float) -> float:
    rises = _bias_variance(activation, high) > bias_variance
    for _ in range(_BISECTIONS):
        middle = math.sqrt(low * high)
        if (_bias_variance(activation, middle) > bias_variance) == rises:
            high = middle
        else:
            low = middle
    return math.sqrt(low * high)


def _sinks_to_zero(activation: Activation, q: float) -> bool:
    """Whether a unit signal shrinks, or stays, under the weights that are critical as q → 0."""
    return _weight_variance(activation, q) * moments(activation).second_moment <= 1.0 + 1e-9


def _is_stable(activation: Activation, q: float) -> bool:
    """Whether a signal near q comes back to it under the weights that are critical there."""
    step = 1e-4 * q  # guessed: small against the scale of φ, large against the quadrature's error
    above, below = (moments(activation, variance=q + d).second_moment for d in (step, -step))
    return _weight_variance(activation, q) * (above - below) / (2 * step) <= 1.0 + 1e-3
