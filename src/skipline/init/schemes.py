"""The initialisers, one row each.

Every row keeps norms at γ = 1, β = 0, the convolutions' biases at 0, the classifier and channel attention at PyTorch's
default and learned scales at what their description says, unless its equation says otherwise, so that a comparison of
two rows changes the convolutions only.
"""

from __future__ import annotations

from dataclasses import replace

from skipline.init.require import anything, each_of, zero_branch_learns, zero_gamma_learns
from skipline.init.rules import as_described, constant, identity, normal, orthogonal, uniform, zero_unless_norm_follows
from skipline.init.scheme import Rule, Scheme
from skipline.init.slot import Slot


def _lecun(slot: Slot) -> float:
    return 1 / slot.fans.fan_in


def _glorot(slot: Slot) -> float:
    # No gain, as in the paper, which takes φ′(0) = 1. Others multiply by g² (PyTorch's `gain` argument): for ReLU by 2.
    return 2 / (slot.fans.fan_in + slot.fans.fan_out)


def _he_fan_in(slot: Slot) -> float:
    return slot.gain**2 / slot.fans.fan_in


def _he_fan_out(slot: Slot) -> float:
    return slot.gain**2 / slot.fans.fan_out


def _pytorch(slot: Slot) -> float:
    return 1 / (3 * slot.fans.fan_in)  # the variance of U(−1/√fan_in, 1/√fan_in)


def _row(name: str, equation: str, source: str, conv_weight: Rule) -> Scheme:
    rules = {
        "conv.weight": conv_weight,
        "conv.bias": constant(0.0),
        "conv.gain": constant(1.0),
        "norm.weight": constant(1.0),
        "norm.bias": constant(0.0),
        "linear.weight": uniform(_pytorch),
        "linear.bias": uniform(_pytorch),
        "attention.weight": uniform(_pytorch),
        "attention.bias": uniform(_pytorch),
        "scale.factor": as_described(),
        "shift.offset": as_described(),
    }
    return Scheme(name, equation, source, rules, anything)


def scaled_identity(alpha: float) -> Scheme:
    """The lecture's start: every weight is αI (at the centre tap; rectangular where channels change), every bias 0.

    A linear net of l layers then multiplies its signal by α^l, and dL/dW by α^(l−1).
    """
    base = _row(f"scaled_identity({float(alpha)!r})", "W = αI", "the linear net Y = W_l … W_1 X", identity(alpha))
    return replace(base, rules={**base.rules, "linear.weight": identity(alpha), "linear.bias": constant(0.0)})


def _torch_default() -> Scheme:
    base = _row("torch_default", "W, b ~ U(±1/√fan_in)", "torch.nn.Conv2d; pytorch#15314", uniform(_pytorch))
    return replace(base, rules={**base.rules, "conv.bias": uniform(_pytorch)})


def zero_gamma(scheme: Scheme) -> Scheme:
    """`scheme`, but γ = 0 in the norm that ends each branch: every residual block starts as its shortcut.

    Goyal et al. 2017, arXiv 1706.02677, section 5.1. Raises `InitError` at build for a network in which a branch does
    not end in a norm, a block is plain, or nothing could be learnt from there.
    """
    return replace(
        scheme,
        name=f"zero_gamma({scheme.name})",
        equation=f"{scheme.equation}; γ = 0 at each branch's end",
        source=f"{scheme.source}; arXiv 1706.02677, section 5.1",
        rules={**scheme.rules, "branch_end.norm.weight": constant(0.0)},
        requires=each_of(scheme.requires, zero_gamma_learns),
    )


def zero_branch(scheme: Scheme) -> Scheme:
    """`scheme`, but the last layer of each branch starts at 0: its norm's γ, or else its last convolution's weights.

    It is `zero_gamma` wherever that exists, and serves every order of layers and networks without a norm (Zhang et
    al. 2019, arXiv 1901.09321, section 3, for the convolution). Raises `InitError` at build for a plain block, and
    where nothing could be learnt from there.
    """
    return replace(
        scheme,
        name=f"zero_branch({scheme.name})",
        equation=f"{scheme.equation}; f = 0 by the last layer of each branch",
        source=f"{scheme.source}; arXiv 1901.09321, section 3",
        rules={
            **scheme.rules,
            "branch_end.norm.weight": constant(0.0),
            "branch_end.conv.weight": zero_unless_norm_follows(scheme.rule("branch_end", "conv.weight")),
        },
        requires=each_of(scheme.requires, zero_branch_learns),
    )


HE_FAN_OUT_NORMAL = _row("he_fan_out_normal", "W ~ N(0, g²/fan_out)", "arXiv 1502.01852, eq. 14", normal(_he_fan_out))

SCHEMES: tuple[Scheme, ...] = (
    scaled_identity(1.0),
    _row("lecun_normal", "W ~ N(0, 1/fan_in)", "LeCun et al. 1998, Efficient BackProp", normal(_lecun)),
    _row("lecun_uniform", "W ~ U(±√(3/fan_in))", "LeCun et al. 1998, Efficient BackProp", uniform(_lecun)),
    _row("glorot_normal", "W ~ N(0, 2/(fan_in + fan_out))", "Glorot & Bengio 2010", normal(_glorot)),
    _row("glorot_uniform", "W ~ U(±√(6/(fan_in + fan_out)))", "Glorot & Bengio 2010, eq. 16", uniform(_glorot)),
    _row("he_fan_in_normal", "W ~ N(0, g²/fan_in)", "arXiv 1502.01852, eq. 10", normal(_he_fan_in)),
    _row("he_fan_in_uniform", "W ~ U(±g√(3/fan_in))", "arXiv 1502.01852, eq. 10", uniform(_he_fan_in)),
    HE_FAN_OUT_NORMAL,
    _row("he_fan_out_uniform", "W ~ U(±g√(3/fan_out))", "arXiv 1502.01852, eq. 14", uniform(_he_fan_out)),
    _row("orthogonal", "W = gQ, QᵀQ = I or QQᵀ = I", "arXiv 1312.6120", orthogonal()),
    _torch_default(),
)
