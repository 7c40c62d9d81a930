"""What a network costs, for one image: parameters, multiply-adds, activations kept for the backward pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import Protocol, assert_never

from skipline.spec import BlockPlan, Network, Step, unfold
from skipline.spec.check import LARGEST_COUNT, SpecError
from skipline.spec.layer_size import Shape, num_macs, num_parameters, shape_behind
from skipline.spec.layers import (
    Activate,
    Activation,
    ActivationKind,
    Blur,
    Conv,
    DropBlock,
    DropBranch,
    Dropout,
    EfficientAttention,
    GlobalAverage,
    LearnedScale,
    LearnedShift,
    Linear,
    Normalise,
    PadChannels,
    PadPixels,
    Pool,
    Scale,
    SqueezeExcite,
    Subsample,
)
from skipline.wording import require_count


@dataclass(frozen=True, slots=True)
class StepCost:
    """One step of the plan: its output's shape, its weights, its multiply-adds."""

    name: str
    shape: Shape
    parameters: int
    macs: int


@dataclass(frozen=True, slots=True)
class PartCost:
    """What the stem, one block or the head costs for one image, in elements: what a plan of a step's memory reads.

    `kept` are the elements of the distinct tensors that the part's derivatives read, without its input (`input`), which
    the part before made; `keeps_output` says whether its output is among them. `index_elements` as in `Cost`.
    `convolved` are the elements that its convolutions give, `largest` those of its largest tensor. A block that
    `is_reversible` keeps that only where it does not run in a chain.
    """

    name: str
    is_residual: bool
    is_reversible: bool
    input: int
    output: int
    kept: int
    keeps_output: bool
    index_elements: int
    convolved: int
    largest: int
    macs: int
    parameters: int


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one image's pass through a network.

    `macs` are the multiply-adds of the convolutions, those of channel attention among them, and of the classifier (one
    MAC is two FLOP); norms, activations, pools, blurs, additions and biases are not counted, nor the standardising of
    weights, which does not depend on the number of images. `activation_elements` is the number of elements of the
    distinct tensors that PyTorch's autograd keeps for the backward pass of a training step, masks of dropouts among
    them; times 4 it is bytes in fp32, times 2 in bf16. `index_elements` are the int64 positions that a max-pool keeps
    besides.
    """

    parameters: int
    macs: int
    training_macs: int
    activation_elements: int
    index_elements: int
    steps: tuple[StepCost, ...]


def cost(network: Network, *, image_size: int) -> Cost:
    """The cost of `network` for one square image of `image_size` pixels a side.

    `training_macs` is 3 × `macs` less the first convolution's: the backward pass has two products for each one of the
    forward pass, but the images need no gradient. What is kept follows PyTorch's derivatives: a convolution, a norm,
    a linear layer, a pool and a subsampling keep their input; a ReLU and a tanh their output, the other activations
    their input; an addition, a mean over all pixels, a padding and a constant factor nothing; a dropout its mask; a
    gate its weights and what they multiply, and so does channel attention. A tensor that two of them keep is one
    tensor; a norm's vectors of statistics and standardised weights are not counted. Of stochastic depth everything is
    counted, as if no branch were left out. Reversible blocks that follow each other keep the output of the last alone:
    a training step computes the rest again (`train/memory/reversible.py`). Raises `SpecError` for an image without
    pixels, and for one of which a layer would leave none or could not mirror the border.
    """
    plan, book = unfold(network), _Book()
    fold = _Fold(network, image_size, book)
    x = fold.run(plan.stem, _Signal("image", (network.in_channels, image_size, image_size)))
    for block, following in zip(plan.blocks, (*plan.blocks[1:], None), strict=True):
        before = dict(book.kept) if block.is_reversible else book.kept
        x = fold.block(block, x)
        if block.is_reversible:  # its input is computed again from its output
            is_end = following is None or not following.is_reversible
            book.kept = before | ({x.name: prod(x.shape)} if is_end else {})
    fold.run(plan.head, x)
    macs = sum(step.macs for step in book.steps)
    return Cost(
        parameters=sum(step.parameters for step in book.steps),
        macs=macs,
        training_macs=3 * macs - book.steps[0].macs,
        activation_elements=sum(book.kept.values()),
        index_elements=book.index_elements,
        steps=tuple(book.steps),
    )


def part_costs(network: Network, *, image_size: int) -> tuple[PartCost, ...]:
    """The parts of `cost(network, image_size=image_size)` in the order they run: stem, blocks, head."""
    plan, book = unfold(network), _Book()
    fold = _Fold(network, image_size, book)
    convolutions = {step.name for step in plan.steps() if isinstance(step.layer, Conv | Blur)}
    signal = _Signal("image", (network.in_channels, image_size, image_size))
    parts: list[PartCost] = []
    for name, part in (("stem", plan.stem), *((block.name, block) for block in plan.blocks), ("head", plan.head)):
        book.kept, book.steps, book.index_elements = {}, [], 0
        incoming = signal
        signal = fold.block(part, incoming) if isinstance(part, BlockPlan) else fold.run(part, incoming)
        sizes = {step.name: prod(step.shape) for step in book.steps}
        inside = {tensor: size for tensor, size in book.kept.items() if tensor != incoming.name}
        parts.append(
            PartCost(
                name=name,
                is_residual=isinstance(part, BlockPlan) and part.is_residual,
                is_reversible=isinstance(part, BlockPlan) and part.is_reversible,
                input=prod(incoming.shape),
                output=prod(signal.shape),
                kept=sum(inside.values()),
                keeps_output=signal.name in inside,
                index_elements=book.index_elements,
                convolved=sum(size for step, size in sizes.items() if step in convolutions),
                largest=max(prod(incoming.shape), *sizes.values()),
                macs=sum(step.macs for step in book.steps),
                parameters=sum(step.parameters for step in book.steps),
            )
        )
    return tuple(parts)


def totals(network: Network, *, image_size: int) -> tuple[int, int]:
    """`parameters` and `macs` of `cost(network, image_size=image_size)`, in a time that does not grow with the depth.

    From the second on a stage's blocks are equal, so two blocks of each say everything, of all depths of a family.
    """
    two = tuple(replace(stage, num_blocks=min(stage.num_blocks, 2)) for stage in network.stages)
    try:
        parts = _sums(replace(network, name="any-depth", stages=two), image_size)
    except SpecError:
        cost(network, image_size=image_size)  # says the same of this network
        raise
    times = {f"stage{n}.block2": stage.num_blocks - 1 for n, stage in enumerate(network.stages, start=1)}
    return (
        sum(times.get(part, 1) * parameters for part, parameters, _ in parts),
        sum(times.get(part, 1) * macs for part, _, macs in parts),
    )


@lru_cache(maxsize=128)  # the list of all networks has several depths of most families
def _sums(network: Network, image_size: int) -> tuple[tuple[str, int, int], ...]:
    """The name, the parameters and the multiply-adds of each part."""
    plan, sums = unfold(network), _Sums()
    fold = _Fold(network, image_size, sums)
    x = fold.run(plan.stem, _Signal("image", (network.in_channels, image_size, image_size)))
    parts = [("stem", *sums.taken())]
    for block in plan.blocks:
        x = fold.block(block, x)
        parts.append((block.name, *sums.taken()))
    fold.run(plan.head, x)
    return (*parts, ("head", *sums.taken()))


@dataclass(frozen=True, slots=True)
class _Signal:
    """A tensor on its way: the step that made it, and its shape; `whole` is that of the tensor that it is a view of."""

    name: str
    shape: Shape
    whole: Shape = ()

    def half(self) -> _Signal:
        """A view of half of the channels: who keeps it keeps the whole."""
        channels, *pixels = self.shape
        return _Signal(self.name, (channels // 2, *pixels), self.shape)


_IDENTITY = Activation("identity")


class _Booking(Protocol):
    """Who is told of each step, and of each tensor that is kept beyond what the steps' derivatives read."""

    def step(self, step: Step, x: _Signal, y: _Signal) -> None: ...

    def keep(self, signal: _Signal) -> None: ...


class _Book:
    """All that a cost is made of."""

    def __init__(self) -> None:
        self.steps: list[StepCost] = []
        self.kept: dict[str, int] = {}  # name of the tensor → its elements
        self.index_elements = 0

    def step(self, step: Step, x: _Signal, y: _Signal) -> None:
        for signal in _kept(step, x, y):
            self.keep(signal)
        if isinstance(step.layer, Pool) and step.layer.kind == "max":
            self.index_elements += prod(y.shape)
        self.steps.append(StepCost(step.name, y.shape, num_parameters(step.layer), num_macs(step.layer, y.shape)))

    def keep(self, signal: _Signal) -> None:
        self.kept[signal.name] = prod(signal.whole or signal.shape)


class _Sums:
    """Parameters and multiply-adds alone, which is half the work; a list of networks has much of it."""

    def __init__(self) -> None:
        self.parameters = 0
        self.macs = 0

    def taken(self) -> tuple[int, int]:
        """Both sums since the last call."""
        sums = self.parameters, self.macs
        self.parameters, self.macs = 0, 0
        return sums

    def step(self, step: Step, x: _Signal, y: _Signal) -> None:
        del x
        self.parameters += num_parameters(step.layer)
        self.macs += num_macs(step.layer, y.shape)

    def keep(self, signal: _Signal) -> None:
        del signal


class _Fold:
    """Runs shapes through a plan, and has what it meets booked."""

    def __init__(self, network: Network, image_size: int, book: _Booking) -> None:
        require_count(SpecError, "cost.image_size", image_size, most=LARGEST_COUNT)
        self.network = network
        self.image_size = image_size
        self.book = book

    def run(self, steps: Iterable[Step], x: _Signal) -> _Signal:
        """The signal behind `steps`."""
        for step in steps:
            x = self._step(step, x)
        return x

    def block(self, block: BlockPlan, x: _Signal) -> _Signal:
        """The signal behind `block`."""
        h = self.run(block.entry, x)
        if block.is_coupled:
            return self._coupled(block, h)
        f = self.run(block.branch, h)
        if not block.is_residual:
            return self.run(block.out, f)
        s = self.run(block.shortcut, h if block.shortcut_reads_entry else x)
        assert f.shape == s.shape, f"{block.name}: the branch gives {f.shape}, the shortcut {s.shape}"
        if block.gate_step is not None:
            gate = self._step(block.gate_step, x)
            self._keep(_Signal(f"{gate.name}.closed", gate.shape), s)
            if block.gate == "exclusive":
                self._keep(_Signal(f"{gate.name}.open", gate.shape), f)
        if block.drop_step is not None:
            self._step(block.drop_step, f)
        return self.run(block.out, _Signal(f"{block.name}.sum", f.shape))

    def _coupled(self, block: BlockPlan, h: _Signal) -> _Signal:
        half = h.half()
        f = self.run(block.branch, half)
        s, carried = self.run(block.shortcut, half), self.run(block.carried, half)
        assert f.shape == s.shape == carried.shape, f"{block.name}: {f.shape}, {s.shape} and {carried.shape}"
        if block.drop_step is not None:
            self._step(block.drop_step, f)
        return _Signal(f"{block.name}.out", (2 * f.shape[0], *f.shape[1:]))

    def _step(self, step: Step, x: _Signal) -> _Signal:
        layer = step.layer
        if isinstance(layer, Activate) and layer.activation == _IDENTITY:
            y = x  # the same tensor, under the name it has
        else:
            y = _Signal(step.name, shape_behind(layer, x.shape))
        if min(y.shape) < 1 or (isinstance(layer, Blur) and min(x.shape[1:]) < 2):
            side, least = self.image_size, max(self.image_size + 1, self.network.smallest_image)
            raise SpecError(
                f"{self.network.name}: images of {side}×{side} pixels are too small for {step.name}, which gets "
                f"{x.shape[1]}×{x.shape[2]} of them. Use images of at least {least}×{least} pixels."
            )
        self.book.step(step, x, y)
        return y

    def _keep(self, *signals: _Signal) -> None:
        for signal in signals:
            self.book.keep(signal)


def _kept(step: Step, x: _Signal, y: _Signal) -> tuple[_Signal, ...]:
    """What the derivative of a step reads, of its input `x`, its output `y` and what it makes on the way."""
    layer = step.layer

    def inside(name: str, *shape: int) -> _Signal:
        return _Signal(f"{step.name}.{name}", shape)

    match layer:
        case Conv() | Normalise() | Linear() | Pool() | Subsample() | LearnedScale():
            return (x,)  # `nn` subsamples by a mean over one pixel
        case Activate(activation):
            reads = inside("input", *x.shape) if activation.transforms_input else x
            gives = inside("output", *x.shape) if activation.transforms_output else y
            return _kept_by(activation.kind, reads, gives)
        case Blur():  # a convolution of the image with a mirrored border
            channels, height, width = x.shape
            return x, inside("bordered", channels, height + 2, width + 2)
        case SqueezeExcite(channels, inner):
            return x, inside("mean", channels), inside("hidden", inner), inside("weights", channels)
        case EfficientAttention(channels):
            return x, inside("mean", channels), inside("weights", channels)
        case Dropout():
            return (inside("mask", *y.shape),)
        case DropBlock():
            return (inside("mask", *y.shape[1:]),)
        case GlobalAverage() | PadChannels() | PadPixels() | Scale() | LearnedShift() | DropBranch():
            return ()  # their derivatives read shapes, constants and one number an image only
        case _:
            assert_never(layer)


def _kept_by(kind: ActivationKind, x: _Signal, y: _Signal) -> tuple[_Signal, ...]:
    """What PyTorch's derivative of φ reads, of input `x` and output `y`: tools/autograd/derivatives.yaml."""
    match kind:
        case "leaky_relu" | "elu" | "gelu" | "silu":
            return (x,)
        case "relu" | "tanh":
            return (y,)
        case "identity":
            return ()
        case _:
            assert_never(kind)
