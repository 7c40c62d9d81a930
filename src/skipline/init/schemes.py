"""The initialisers, one row each.

Every row keeps norms at γ = 1, β = 0, the convolutions' biases at 0, the classifier and channel attention at PyTorch's
default, learned scales and shifts at what their description says and learned gains at 1, unless its equation says
otherwise, so that a comparison of two rows changes the convolutions only. A row that needs more than a rule is a
function in a file of its own.
"""

from __future__ import annotations

from dataclasses import replace

from skipline.init.autoinit import autoinit
from skipline.init.critical import critical
from skipline.init.depth import arpit, taki
from skipline.init.mirror import looks_linear
from skipline.init.require import each_of, free_weights, never_narrows
from skipline.init.row import glorot, he_fan_in, he_fan_out, lecun, pytorch, row, with_classifier
from skipline.init.rules import delta_orthogonal, identity, normal, orthogonal, uniform
from skipline.init.scheme import Scheme
from skipline.init.zero import fixup


def scaled_identity(alpha: float) -> Scheme:
    """The lecture's start: every weight is αI (at the centre tap; rectangular where channels change), every bias 0.

    A linear net of l layers then multiplies its signal by α^l, and dL/dW by α^(l−1).
    """
    base = row(f"scaled_identity({float(alpha)!r})", "W = αI", "the linear net Y = W_l … W_1 X", identity(alpha))
    return with_classifier(base, identity(alpha))


def _torch_default() -> Scheme:
    base = row("torch_default", "W, b ~ U(±1/√fan_in)", "torch.nn.Conv2d; pytorch#15314", uniform(pytorch))
    return replace(base, rules={**base.rules, "conv.bias": uniform(pytorch)})


HE_FAN_OUT_NORMAL = row("he_fan_out_normal", "W ~ N(0, g²/fan_out)", "arXiv 1502.01852, eq. 14", normal(he_fan_out))

SCHEMES: tuple[Scheme, ...] = (
    scaled_identity(1.0),
    row("dirac", "W = I at the centre tap", "torch.nn.init.dirac_", identity(1.0)),
    row("lecun_normal", "W ~ N(0, 1/fan_in)", "LeCun et al. 1998, Efficient BackProp", normal(lecun)),
    row("lecun_uniform", "W ~ U(±√(3/fan_in))", "LeCun et al. 1998, Efficient BackProp", uniform(lecun)),
    row("glorot_normal", "W ~ N(0, 2/(fan_in + fan_out))", "Glorot & Bengio 2010", normal(glorot)),
    row("glorot_uniform", "W ~ U(±√(6/(fan_in + fan_out)))", "Glorot & Bengio 2010, eq. 16", uniform(glorot)),
    row("he_fan_in_normal", "W ~ N(0, g²/fan_in)", "arXiv 1502.01852, eq. 10", normal(he_fan_in)),
    row("he_fan_in_uniform", "W ~ U(±g√(3/fan_in))", "arXiv 1502.01852, eq. 10", uniform(he_fan_in)),
    HE_FAN_OUT_NORMAL,
    row("he_fan_out_uniform", "W ~ U(±g√(3/fan_out))", "arXiv 1502.01852, eq. 14", uniform(he_fan_out)),
    row("orthogonal", "W = gQ, QᵀQ = I or QQᵀ = I", "arXiv 1312.6120", orthogonal()),
    row(
        "delta_orthogonal",
        "centre tap gQ, QᵀQ = I; the other taps 0",
        "arXiv 1806.05393, section 2.4",
        delta_orthogonal(),
        requires=each_of(free_weights("delta_orthogonal"), never_narrows),
    ),
    looks_linear(),
    critical(0.05),
    autoinit(),
    taki(1.0),
    arpit(),
    fixup(),
    _torch_default(),
)
