"""Where a tensor stands: every tensor of a network has one slot, and a rule may know nothing else about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from skipline.init.fans import Fans, fans
from skipline.init.gain import gain
from skipline.spec import BlockPlan, Network, Step, unfold
from skipline.spec.layers import (
    Conv,
    EfficientAttention,
    Layer,
    LearnedScale,
    LearnedShift,
    Linear,
    Normalise,
    SqueezeExcite,
)

Kind = Literal["conv", "norm", "linear", "attention", "scale", "shift"]


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a tensor stands: all that a rule may know about it.

    `block` is the block that its step stands in; None in the stem and the head. `part` is the primitive layer whose
    tensor it is: the step's own, or one of those that channel attention is made of. `path` is the tensor's path in the
    step's module.
    """

    step: Step
    network: Network
    block: BlockPlan | None
    kind: Kind
    part: Layer
    path: str

    @property
    def tensor(self) -> str:
        """What the table of a scheme calls it: `conv.weight`."""
        return f"{self.kind}.{self.path.rpartition('.')[2]}"

    @property
    def layer(self) -> Conv | Linear:
        """The weighted layer here; a norm has no fans."""
        assert isinstance(self.part, Conv | Linear)
        return self.part

    @property
    def fans(self) -> Fans:
        """The fans of the weighted layer here."""
        return fans(self.part if isinstance(self.part, EfficientAttention) else self.layer)

    @property
    def start(self) -> float:
        """What the learned scale or shift here is before training."""
        assert isinstance(self.part, LearnedScale | LearnedShift)
        return self.part.start

    @property
    def gain(self) -> float:
        """The gain of the network's activation."""
        return gain(self.network.activation)

    @property
    def norm_ends_branch(self) -> bool:
        """Whether it stands in a branch whose last convolution has a norm behind it."""
        return self.block is not None and self.step in self.block.branch and self.block.norm_ends_branch

    @property
    def num_branch_convs(self) -> int:
        """The convolutions of the branch here."""
        assert self.block is not None
        return sum(isinstance(step.layer, Conv) for step in self.block.branch)


def network_slots(network: Network) -> Iterator[Slot]:
    """The slot of every tensor of `network`, in the order of the plan."""
    for step, block in placed_steps(network):
        yield from step_slots(step, network, block)


def placed_steps(network: Network) -> Iterator[tuple[Step, BlockPlan | None]]:
    """Every step of the plan, with its block."""
    plan = unfold(network)
    yield from ((step, None) for step in plan.stem)
    yield from ((step, block) for block in plan.blocks for step in block.steps())
    yield from ((step, None) for step in plan.head)


def step_slots(step: Step, network: Network, block: BlockPlan | None) -> tuple[Slot, ...]:
    """The slot of every tensor of one step, in the order of its module's parameters."""
    return tuple(Slot(step, network, block, kind, part, path) for kind, part, path in _tensors(step.layer))


_Tensor = tuple[Kind, Layer, str]


def _tensors(layer: Layer) -> tuple[_Tensor, ...]:
    """The tensors of a step: the kind of each, the primitive layer that it belongs to, its path in the step's module.

    The layers that are not here have no weights.
    """
    match layer:
        case Conv():
            gain: tuple[_Tensor, ...] = (("conv", layer, "gain"),) if layer.weights.kind == "scaled" else ()
            return _affine("conv", layer, "", bias=layer.bias) + gain
        case Normalise():
            return _affine("norm", layer, "", bias=True)
        case Linear():
            return _affine("linear", layer, "", bias=True)
        case SqueezeExcite(squeeze=squeeze, excite=excite):
            inner = _affine("attention", squeeze, "fc1.", bias=True)
            return inner + _affine("attention", excite, "fc2.", bias=True)
        case EfficientAttention():
            return _affine("attention", layer, "conv.", bias=False)
        case LearnedScale():
            return (("scale", layer, "factor"),)
        case LearnedShift():
            return (("shift", layer, "offset"),)
        case _:
            return ()


def _affine(kind: Kind, part: Layer, prefix: str, *, bias: bool) -> tuple[_Tensor, ...]:
    weight: _Tensor = (kind, part, f"{prefix}weight")
    return (weight, (kind, part, f"{prefix}bias")) if bias else (weight,)
