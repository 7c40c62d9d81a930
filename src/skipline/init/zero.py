"""Branches that start at zero: every residual block is its shortcut before training."""

from __future__ import annotations

from dataclasses import replace

from skipline.init.require import each_of, free_weights, no_norm, zero_branch_learns, zero_gamma_learns
from skipline.init.row import he_fan_out, row, with_classifier
from skipline.init.rules import constant, normal, zero_unless_norm_follows
from skipline.init.scheme import Scheme
from skipline.init.slot import Slot


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


def fixup() -> Scheme:
    """The weights of Fixup: 0 in the classifier and in the last convolution of each branch, He's variance times
    `L^(−1/(m−1))` in the branch's others, He's elsewhere; L the residual blocks of the network, m the layers of a
    branch.

    So the standard deviation carries L^(−1/(2m−2)), and an update of the network's function by one step of SGD is Θ(η)
    whatever L. With fan-out, as in the authors' code. Zhang et al. 2019, arXiv 1901.09321, section 3. The scalar
    biases and the multiplier of each branch, the rule's third part, belong to the description. Raises `InitError` at
    build for a network with norms, and for what `zero_branch` refuses.
    """
    scheme = row(
        "fixup",
        "W ~ N(0, g²/fan_out · L^(−1/(m−1))) in branches; 0 in each branch's last layer and in the classifier",
        "arXiv 1901.09321, section 3",
        normal(he_fan_out),
        requires=each_of(free_weights("fixup"), no_norm("fixup", "zero_branch(he_fan_out_normal)"), zero_branch_learns),
    )
    rules = {**scheme.rules, "branch.conv.weight": normal(_fixup), "branch_end.conv.weight": constant(0.0)}
    return with_classifier(replace(scheme, rules=rules), constant(0.0))


def _fixup(slot: Slot) -> float:
    return he_fan_out(slot) * slot.network.num_blocks ** (-1 / (slot.num_branch_convs - 1))
