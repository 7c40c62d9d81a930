"""Why plain nets with batch norm have exploding gradients at the start: the backward factor of a layer."""

from __future__ import annotations

import math

from skipline.spec import Activation
from skipline.theory.gaussian import moments


def batch_norm_factor(activation: Activation) -> float:
    """`χ_BN = E[φ′²] / Var φ` over N(0, 1): the squared gradient before a layer φ, W, norm over that behind it.

    At least 1 by Poincaré's inequality, and equal only for a linear φ, so that no scale of the weights removes it (Yang
    et al. 2019, arXiv 1902.08129, in the limit of large batches and widths). relu 1.4669, leaky 0.2 1.2436, tanh 1.178.
    Without borders: zeros around an image leave a pattern that costs some per cent more.
    """
    found = moments(activation)
    return found.slope_square / found.variance


def gradient_growth(activation: Activation, num_layers: int) -> float:
    """`χ_BN^(L/2)`: the norm of the gradient before `num_layers` layers over that behind them; ∞ beyond doubles."""
    exponent = num_layers / 2 * math.log(batch_norm_factor(activation))
    return math.exp(exponent) if exponent < math.log(1.7e308) else math.inf
