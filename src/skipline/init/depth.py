"""Branches whose weights shrink with the depth, so that the sum over all blocks stays bounded."""

from __future__ import annotations

from dataclasses import replace

from skipline.init.error import InitError
from skipline.init.require import all_residual, each_of, free_weights
from skipline.init.row import he_fan_in, row
from skipline.init.rules import normal
from skipline.init.scheme import Scheme
from skipline.init.slot import Slot


def taki(constant: float) -> Scheme:
    """Every convolution of a branch has `Var W = c/(fan_in · L)`, L the residual blocks of the network.

    A pre-activation ReLU branch of m layers without norms then multiplies the second moment by `(c/2L)^m`, and all
    blocks together by (1 + (c/2L)^m)^L, at most e^(c/2) while c ≤ 2L: signal and gradient stay bounded in depth.
    Elsewhere He's rule with fan-in. Taki 2017, arXiv 1709.02956. A norm behind a convolution takes its scale out
    again. Raises `InitError` unless c > 0.
    """
    if not constant > 0:
        raise InitError(
            f"taki needs a number above 0 and got {constant}: the c in Var W = c/(fan_in · L). Use taki(1)."
        )
    base = row(
        f"taki({float(constant)!r})",
        "W ~ N(0, c/(fan_in · L)) in branches",
        "arXiv 1709.02956",
        normal(he_fan_in),
        requires=each_of(free_weights("taki"), all_residual("taki")),
    )
    rule = normal(lambda slot: constant / (slot.fans.fan_in * slot.network.num_blocks))
    return replace(base, rules={**base.rules, "branch.conv.weight": rule, "branch_end.conv.weight": rule})


def arpit() -> Scheme:
    """He's rule with fan-in, and its variance over L in the last convolution of each branch; L the residual blocks.

    Without norms a pre-activation branch multiplies the second moment by 1/L (He at all its layers would by 1), and all
    blocks together by `(1 + 1/L)^L → e`. The scaling by the number of blocks is that of Arpit et al. 2019, arXiv
    1906.02341, who derive it for weight-normalised networks with orthogonal directions; here it is for weights as they
    are, drawn normally.
    """
    base = row(
        "arpit",
        "W ~ N(0, g²/fan_in), at each branch's end N(0, g²/(fan_in · L))",
        "arXiv 1906.02341, for weights without normalisation",
        normal(he_fan_in),
        requires=each_of(free_weights("arpit"), all_residual("arpit")),
    )
    return replace(base, rules={**base.rules, "branch_end.conv.weight": normal(_he_over_depth)})


def _he_over_depth(slot: Slot) -> float:
    return he_fan_in(slot) / slot.network.num_blocks
