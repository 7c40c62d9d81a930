"""The gain that makes up for what an activation takes from the signal."""

from __future__ import annotations

import math
from typing import assert_never

from skipline.spec import Activation
from skipline.theory.gaussian import forward_gain


def gain(activation: Activation) -> float:
    """`g = 1/√E[φ(z)²]`, z ~ N(0, 1): with Var W = g²/fan_in a unit second moment stays one through W φ(z).

    ReLU √2 and leaky ReLU √(2/(1 + a²)) hold at every scale (He et al. 2015, arXiv 1502.01852, equations 10 and 15),
    the others at unit variance only. A shaped activation's is by quadrature.
    """
    if activation.is_transformed:
        return forward_gain(activation)
    match activation.kind:
        case "identity":
            return 1.0
        case "relu":
            return math.sqrt(2.0)
        case "leaky_relu":
            return math.sqrt(2.0 / (1.0 + activation.slope**2))
        # these by Gauss–Legendre quadrature over [−12, 12]
        case "tanh":
            return 1.592537
        case "gelu":
            return 1.533530
        case "silu":
            return 1.676532
        case "elu":
            return 1.245198
        case _:
            assert_never(activation.kind)
