"""What a scheme needs of a network so that the network can learn from its start."""

from __future__ import annotations

from typing import assert_never

from skipline.init.error import InitError
from skipline.init.scheme import Requirement
from skipline.spec import Activation, Block, Network, unfold


def anything(_network: Network) -> None:
    """Every network will do."""


def each_of(*requirements: Requirement) -> Requirement:
    """What all of `requirements` ask for; the first that refuses a network speaks."""

    def require(network: Network) -> None:
        for requirement in requirements:
            requirement(network)

    return require


def zero_branch_learns(network: Network) -> None:
    """Refuse a network whose blocks would give nothing, or could learn nothing, with the branch at zero."""
    for name, block in _blocks(network):
        if not block.is_residual:
            raise InitError(
                f"{network.name}: {name} is plain: with its branch at zero nothing would pass. "
                "Use a scheme without zero_gamma or zero_branch, or blocks with a shortcut."
            )
        if block.merge.branch_scaling == "learned" and block.merge.branch_scale == 0.0:
            raise InitError(
                f"{network.name}: {name} scales its branch by a learned number that starts at 0: with the branch "
                "at zero too neither of them could ever move. "
                "Use a scheme without zero_gamma or zero_branch, or another Merge.branch_scale."
            )
        if block.order == "act_before_add" and _is_flat_at_zero(network.activation):
            raise InitError(
                f"{network.name}: {name} ends its branch in the activation {network.activation.kind!r}, whose slope "
                "at zero is zero: a branch that starts at zero would stay there. "
                "Use a scheme without zero_gamma or zero_branch, or order='post'."
            )


def zero_gamma_learns(network: Network) -> None:
    """Refuse a network in which some branch does not end in a norm, besides what `zero_branch_learns` refuses."""
    zero_branch_learns(network)
    for block in unfold(network).blocks:
        if block.norm_ends_branch:
            continue
        reason = "has no norm" if network.norm.kind == "none" else "ends its branch in a convolution"
        raise InitError(
            f"{network.name}: zero_gamma sets γ = 0 in the norm behind a branch's last convolution; {block.name} "
            f"{reason}. Use zero_branch, which then sets that convolution's weights to 0."
        )


def _blocks(network: Network) -> list[tuple[str, Block]]:
    return [(f"stage{number}", stage.block) for number, stage in enumerate(network.stages, start=1)]


def _is_flat_at_zero(activation: Activation) -> bool:
    """Whether PyTorch's derivative at 0 is 0: ReLU's is, and a leaky ReLU's with slope 0, unless they are shifted."""
    if activation.input_shift > 0:
        return False
    match activation.kind:
        case "relu":
            return True
        case "leaky_relu":
            return activation.slope == 0.0
        case "elu" | "gelu" | "silu" | "tanh" | "identity":
            return False
        case _:
            assert_never(activation.kind)
