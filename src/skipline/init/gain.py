"""The gain that makes up for what an activation takes from the signal."""

from __future__ import annotations

import math

from skipline.spec import Activation

# 1/√E[φ(z)²] for z ~ N(0, 1), by Gauss–Legendre quadrature over [−12, 12]; leaky ReLU's has a closed form below.
_FORWARD_GAINS: dict[str, float] = {
    "identity": 1.0,
    "relu": math.sqrt(2.0),
    "tanh": 1.592537,
    "gelu": 1.533530,
    "silu": 1.676532,
    "elu": 1.245198,
}


def gain(activation: Activation) -> float:
    """`g = 1/√E[φ(z)²]`, z ~ N(0, 1): with Var W = g²/fan_in a unit second moment stays one through W φ(z).

    ReLU √2 and leaky ReLU √(2/(1 + a²)) hold at every scale (He et al. 2015, arXiv 1502.01852, equations 10 and 15),
    the others at unit variance only.
    """
    if activation.kind == "leaky_relu":
        return math.sqrt(2.0 / (1.0 + activation.slope**2))
    return _FORWARD_GAINS[activation.kind]
