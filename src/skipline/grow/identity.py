"""How a block becomes the identity: which of its layers is zero, and what the rest must let through.

A residual block is `out(b f(x) + shortcut(x))`. Its f is 0 where the last layer of its branch is, and it is the
identity where the layers that x then still passes are: the shortcut's, and those behind the addition. Through a plain
block x passes every layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from skipline.grow.error import GrowError
from skipline.spec import Activation, BlockPlan, Network, Step
from skipline.spec.layers import (
    Activate,
    Conv,
    DropBlock,
    Dropout,
    EfficientAttention,
    Layer,
    LearnedScale,
    Normalise,
    Scale,
    SqueezeExcite,
)

_KEEPS_ZERO = (
    Activate | Conv | DropBlock | Dropout | EfficientAttention | LearnedScale | Normalise | Scale | SqueezeExcite
)
"""What makes 0 of 0 as it is set here: a norm behind a zero has β = 0 or is the zero itself."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes one block the identity; the names are those of its steps.

    `zero` is the layer that makes the branch 0, none in a plain block: a norm (γ = β = 0), a convolution or a learned
    scale. `dirac` are convolutions with a 1 at the centre tap from each channel to the same one, `neutral` batch norms
    with γ = √(σ² + ε) and β = μ of what reaches them.
    """

    zero: tuple[Step, ...]
    dirac: tuple[Step, ...]
    neutral: tuple[Step, ...]


def identity_of(block: BlockPlan, network: Network) -> Identity:
    """What makes `block` of `network`, not the first of its stage, the identity; raises `GrowError` where nothing does.

    Only what can also learn from there: a zero before a rectifier never moves, and neither does a gate that is shut.
    """
    _require_open_shortcut(block, network)
    zero = (_zero_of(block, network),) if block.is_residual else ()
    for step in zero:
        _require_zero_behind(step, block, network)
    passed = (*block.shortcut, *block.out) if block.is_residual else (*block.branch, *block.out)
    _require_untransformed(block, network, (*_behind(zero, block), *passed))
    _require_passing(block, network, passed)
    return Identity(
        zero=zero,
        dirac=tuple(step for step in passed if isinstance(step.layer, Conv)),
        neutral=tuple(step for step in passed if isinstance(step.layer, Normalise)),
    )


def _require_open_shortcut(block: BlockPlan, network: Network) -> None:
    if block.gate_step is not None:
        raise GrowError(
            f"{network.name}: {block.name} has a gate, and x passes whole only where the gate is shut so far that its "
            "slope is 0: it could never learn. Networks with Merge.gate cannot be deepened."
        )
    if block.is_residual and block.shortcut_reads_entry:
        raise GrowError(
            f"{network.name}: {block.name} projects what its first norm and activation made of x, and no weights give "
            "x back. Deepen a network with ProjectionShortcut(when='change') or PadShortcut()."
        )


def _zero_of(block: BlockPlan, network: Network) -> Step:
    """The layer that is zero: a learned scale that starts there, else the last norm, else the last convolution.

    A learned scale also where an activation that is flat at zero stands behind the last norm (`act_before_add`).
    """
    last = max(number for number, step in enumerate(block.branch) if step.role == "branch_end")
    behind = [step.layer for step in block.branch[last + 1 :]]
    scales = [step for step in block.branch if isinstance(step.layer, LearnedScale)]
    is_flat = Activate(network.activation) in behind and _clips(network.activation)
    for scale in scales:
        if is_flat or scale.layer == LearnedScale(0.0):
            return scale
    if is_flat:
        raise GrowError(
            f"{network.name}: {block.name} ends its branch in the activation {network.activation.kind!r}, whose slope "
            "at zero is zero: a branch that is zero before it never learns. Deepen a network with another order, or "
            "with Merge(branch_scaling='learned')."
        )
    step = block.branch[last]
    if isinstance(step.layer, Conv) and step.layer.weights.kind != "free":
        raise GrowError(
            f"{network.name}: {block.name} ends its branch in a convolution with standardised weights: they have size "
            "1 or are exactly 0, so that one step would take the branch from nothing to all it can be. Deepen a "
            "network in which a norm or a learned scale of start 0 ends the branch."
        )
    return step


def _behind(zero: tuple[Step, ...], block: BlockPlan) -> tuple[Step, ...]:
    return block.branch[block.branch.index(zero[0]) :] if zero else ()


def _require_untransformed(block: BlockPlan, network: Network, steps: tuple[Step, ...]) -> None:
    for step in steps:
        if isinstance(step.layer, Activate) and step.layer.activation.is_transformed:
            raise GrowError(
                f"{network.name}: no {block.name} is the identity: {step.name} shifts and scales around its activation "
                "(Activation.input_scale and the three beside it). Deepen a network whose activation stands as it is."
            )


def _require_zero_behind(zero: Step, block: BlockPlan, network: Network) -> None:
    for step in block.branch[block.branch.index(zero) :]:
        if not isinstance(step.layer, _KEEPS_ZERO):
            raise GrowError(
                f"{network.name}: no {block.name} is the identity: its branch is 0 behind {zero.name}, and "
                f"{step.name} ({type(step.layer).__name__}) makes something else of it."
            )


def _require_passing(block: BlockPlan, network: Network, passed: tuple[Step, ...]) -> None:
    """Refuse unless the layers `passed` can be set so that x comes out as it went in."""
    # The block before ends as this one does: in a rectifier, and no number is below zero, or not.
    is_clipped = bool(passed) and isinstance(passed[-1].layer, Activate) and _clips(network.activation)
    for step in passed:
        reason = next(_obstacles(step.layer, block.in_channels, is_clipped=is_clipped), None)
        if reason is not None:
            raise GrowError(f"{network.name}: no {block.name} is the identity: x passes {step.name}, and {reason}.")


def _obstacles(layer: Layer, channels: int, *, is_clipped: bool) -> Iterator[str]:
    match layer:
        case Conv() if layer.weights.kind != "free":
            yield "standardised weights have mean 0, which those of an identity have not"
        case Conv() if min(layer.in_channels, layer.out_channels) < channels:
            yield f"it has room for {min(layer.in_channels, layer.out_channels)} of {channels} channels"
        case Normalise(norm=norm) if norm.kind != "batch":
            yield f"a {norm.kind} norm divides each image by numbers of its own, which no γ and β undo for all"
        case Activate(activation) if _clips(activation) and not is_clipped:
            yield f"the activation {activation.kind!r} cuts off what is negative in it"
        case Activate(activation) if not (_clips(activation) or _is_linear(activation)):
            yield f"the activation {activation.kind!r} applied twice is not the activation applied once"
        case Conv() | Normalise() | Activate():
            return
        case _:
            yield f"{type(layer).__name__} changes it"


def _clips(activation: Activation) -> bool:
    """Whether φ(x) = max(x, 0)."""
    return activation.kind == "relu" or (activation.kind == "leaky_relu" and activation.slope == 0)


def _is_linear(activation: Activation) -> bool:
    return activation.kind == "identity" or (activation.kind == "leaky_relu" and activation.slope == 1)
