"""The activations as functions on arrays: φ and φ′, with the places where they bend."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from skipline.spec import Activation

Array = NDArray[np.float64]

# Abramowitz & Stegun 1964, 7.1.26: erf to 1.5e-7, the precision of GELU here
_ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
_ERF_P = 0.3275911


def values(activation: Activation, x: Array) -> Array:
    """φ̂(x), element by element; φ is that of PyTorch's module of the same name."""
    if activation.is_transformed:
        inner = plain(activation)
        y = values(inner, activation.input_scale * x + activation.input_shift)
        return activation.output_scale * (y + activation.output_shift)
    match activation.kind:
        case "identity":
            return x
        case "relu":
            return np.maximum(x, 0.0)
        case "leaky_relu":
            return np.maximum(x, 0.0) + activation.slope * np.minimum(x, 0.0)
        case "elu":
            return np.maximum(x, 0.0) + np.expm1(np.minimum(x, 0.0))
        case "gelu":
            return x * normal_cdfs(x)
        case "silu":
            return x * _sigmoid(x)
        case "tanh":
            return np.tanh(x)


def slopes(activation: Activation, x: Array) -> Array:
    """φ̂′(x), element by element; at a kink the value from below, as PyTorch has it."""
    if activation.is_transformed:
        y = slopes(plain(activation), activation.input_scale * x + activation.input_shift)
        return activation.output_scale * activation.input_scale * y
    match activation.kind:
        case "identity":
            return np.ones_like(x)
        case "relu":
            return np.where(x > 0.0, 1.0, 0.0)
        case "leaky_relu":
            return np.where(x > 0.0, 1.0, activation.slope)
        case "elu":
            return np.exp(np.minimum(x, 0.0))
        case "gelu":
            return normal_cdfs(x) + x * np.exp(-0.5 * np.minimum(x * x, 1400.0)) / math.sqrt(2.0 * math.pi)
        case "silu":
            s = _sigmoid(x)
            return s + x * s * (1.0 - s)
        case "tanh":
            return 1.0 - np.tanh(x) ** 2


def plain(activation: Activation) -> Activation:
    """φ alone, without the numbers around it."""
    return Activation(activation.kind, activation.slope)


def bend(activation: Activation) -> float:
    """The x where φ̂ bends: where φ reads 0."""
    return -activation.input_shift / activation.input_scale


def is_homogeneous(activation: Activation) -> bool:
    """Whether φ̂(t x) = t φ̂(x) for t > 0: piecewise linear with its kink at 0, so that only ratios of sizes matter."""
    shifted = activation.input_shift != 0 or activation.output_shift != 0
    return not shifted and activation.kind in ("identity", "relu", "leaky_relu")


def negative_slope(activation: Activation) -> float:
    """The slope a below 0 of a piecewise linear φ: 0 for relu, 1 for the identity."""
    return {"relu": 0.0, "identity": 1.0}.get(activation.kind, activation.slope)


def _sigmoid(x: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def normal_cdfs(x: Array) -> Array:
    """P(Z ≤ x) for Z ~ N(0, 1), element by element, to 1e-7."""
    t = 1.0 / (1.0 + _ERF_P / math.sqrt(2.0) * np.abs(x))
    polynomial = t * (_ERF[0] + t * (_ERF[1] + t * (_ERF[2] + t * (_ERF[3] + t * _ERF[4]))))
    upper = 0.5 * polynomial * np.exp(-0.5 * np.minimum(x * x, 1400.0))  # P(Z > |x|); e^−700 is above underflow
    return np.where(x < 0.0, upper, 1.0 - upper)
