"""What a scheme needs of a network so that the network can learn from its start."""

from __future__ import annotations

from typing import assert_never

from skipline.init.error import InitError
from skipline.init.scheme import Requirement
from skipline.spec import Activation, Block, Network, unfold
from skipline.spec.layers import Conv


def anything(_network: Network) -> None:
    """Every network will do."""


def each_of(*requirements: Requirement) -> Requirement:
    """What all of `requirements` ask for; the first that refuses a network speaks."""

    def require(network: Network) -> None:
        for requirement in requirements:
            requirement(network)

    return require


def no_norm(scheme: str, instead: str) -> Requirement:
    """Refuse a network with norms for `scheme`, which replaces them; `instead` names a scheme that goes with them."""

    def require(network: Network) -> None:
        if network.norm.kind != "none":
            raise InitError(
                f"{network.name} has {network.norm.kind} norms, and {scheme} is a start for networks without: behind "
                f"a norm the scale of its weights would mean nothing. Use {instead}, or Norm('none')."
            )

    return require


def free_weights(scheme: str) -> Requirement:
    """Refuse a network whose convolutions rescale their filters, for `scheme`, whose scale it would undo."""

    def require(network: Network) -> None:
        if network.conv_weights.kind != "free":
            raise InitError(
                f"{network.name} has {network.conv_weights.kind} convolutions, which centre and rescale each filter: "
                f"what {scheme} chooses would be undone. Use orthogonal or he_fan_in_normal, or ConvWeights()."
            )

    return require


def all_residual(scheme: str) -> Requirement:
    """Refuse a network with a plain block for `scheme`, which speaks of what is added to a shortcut."""

    def require(network: Network) -> None:
        for name, block in _blocks(network):
            if not block.is_residual:
                raise InitError(
                    f"{network.name}: {name} is plain, and {scheme} shrinks branches by the number of blocks: with no "
                    "shortcut beside them the signal would vanish. Use he_fan_in_normal, or blocks with a shortcut."
                )

    return require


def never_narrows(network: Network) -> None:
    """Refuse a network with a convolution that has fewer outputs than inputs."""
    for step in unfold(network).steps():
        if isinstance(step.layer, Conv) and step.layer.out_channels < step.layer.in_channels:
            raise InitError(
                f"{network.name}: {step.name} goes from {step.layer.in_channels} to {step.layer.out_channels} "
                "channels, and a delta_orthogonal convolution, which keeps lengths, needs at least as many outputs as "
                "inputs. Use orthogonal, or blocks of kind 'basic' that never narrow."
            )


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
