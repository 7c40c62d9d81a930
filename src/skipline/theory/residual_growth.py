"""How signal and gradient grow along residual blocks: doubling, compounding, and the power law of pre-activation."""

from __future__ import annotations

import math

from skipline.spec import Activation
from skipline.theory.batch_norm_gradient import batch_norm_factor
from skipline.theory.linear import FORMATS

RELU = Activation("relu")
RELU_FACTOR = math.pi / (math.pi - 1)  # χ = E[φ′²]/Var φ of relu: (1/2) / (1/2 − 1/2π)


def doubled(num_blocks: int) -> float:
    """`q_K = 2^K`: the second moment behind K blocks x + f(x), f started by He's rule and without norms; ∞ past 1023.

    f keeps the second moment and does not depend on x in the mean over weights of mean 0: exact in that mean.
    """
    return math.inf if num_blocks > 1023 else 2.0**num_blocks


def overflow_block(dtype: str) -> int:
    """The first K for which 2^K, the mean of x², is no number of this format: fp32 128, fp16 16, bf16 128."""
    if dtype not in FORMATS:
        raise ValueError(f"dtype is {dtype!r}; expected one of {', '.join(map(repr, FORMATS))}.")
    return FORMATS[dtype].greatest_exponent + 1


def compounded(num_blocks: int) -> float:
    """`(1 + 1/L)^L → e`: the second moment behind L blocks whose branches are scaled by 1/√L; exact in the mean."""
    return (1 + 1 / num_blocks) ** num_blocks


def preactivation_gradient_ratio(num_blocks: int, *, activation: Activation = RELU) -> float:
    """`‖g₀‖²/‖g_K‖² = Γ(K+χ+χ²) Γ(χ) / (Γ(χ+χ²) Γ(K+χ))` along K pre-activation blocks of two convolutions with norms.

    Block k reads a channel variance (χ+k)/χ and adds χ²/(χ+k) to the squared gradient, relative to it. Exact in the
    limit of wide layers, without borders; K = 30, relu: 405.
    """
    chi = batch_norm_factor(activation)
    k, square = num_blocks, chi * chi
    return math.exp(math.lgamma(k + chi + square) + math.lgamma(chi) - math.lgamma(chi + square) - math.lgamma(k + chi))


def preactivation_exponent(activation: Activation = RELU) -> float:
    """The power of K with which that ratio grows: χ², for relu 2.15."""
    return batch_norm_factor(activation) ** 2


def preactivation_moments(num_blocks: int) -> tuple[float, float]:
    """Second moment and channel mean² behind K blocks, from a stem of unit variance: 1 + K and K/π.

    A branch's last convolution reads relu of N(0, 1) and is started by He's rule: it adds 1, of which 1/π is the
    squared mean of its channels.
    """
    return 1.0 + num_blocks, num_blocks / math.pi
