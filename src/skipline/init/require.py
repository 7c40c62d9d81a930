"""What a scheme needs of a network so that the network can learn from its start."""

from __future__ import annotations

from skipline.init.error import InitError
from skipline.init.scheme import norm_ends_branch
from skipline.spec import Activation, Block, Network


def anything(_network: Network) -> None:
    """Every network will do."""


def zero_branch_learns(network: Network) -> None:
    """Refuse a network whose blocks would give nothing, or could learn nothing, with the branch at zero."""
    for name, block in _blocks(network):
        if not block.is_residual:
            raise InitError(
                f"{network.name}: {name} is plain: with its branch at zero nothing would pass. "
                "Use a scheme without zero_gamma or zero_branch, or blocks with a shortcut."
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
    for name, block in _blocks(network):
        if norm_ends_branch(network, block):
            continue
        no_norm = network.norm.kind == "none"
        reason = "has no norm" if no_norm else f"has order {block.order!r}, whose branch ends in a convolution"
        raise InitError(
            f"{network.name}: zero_gamma sets γ = 0 in the norm behind a branch's last convolution; {name} {reason}. "
            "Use zero_branch, which then sets that convolution's weights to 0."
        )


def _blocks(network: Network) -> list[tuple[str, Block]]:
    return [(f"stage{number}", stage.block) for number, stage in enumerate(network.stages, start=1)]


def _is_flat_at_zero(activation: Activation) -> bool:
    """Whether PyTorch's derivative at 0 is 0: ReLU's is, and a leaky ReLU's with slope 0."""
    return activation.kind == "relu" or (activation.kind == "leaky_relu" and activation.slope == 0.0)
