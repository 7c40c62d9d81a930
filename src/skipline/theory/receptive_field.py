"""Which pixels of the image a place of a network can see: a fold over the plan."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from skipline.spec import BlockPlan, Network, Step, unfold
from skipline.spec.layers import (
    Activate,
    Blur,
    Conv,
    DropBlock,
    DropBranch,
    Dropout,
    EfficientAttention,
    GlobalAverage,
    Layer,
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


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """In each direction, output i reads the pixels from `stride · i + first` to `stride · i + last`, both included.

    Those beyond the image are padding. Behind a mean over all pixels `first` is −∞ and `last` is ∞.
    """

    stride: int
    first: float
    last: float

    @property
    def size(self) -> float:
        """How many pixels in each direction: `last − first + 1`."""
        return self.last - self.first + 1


def receptive_fields(network: Network) -> dict[str, ReceptiveField]:
    """The receptive field of every step and site of `network`, by name, in the order of the plan.

    Behind a convolution or pool of kernel k, dilation d, padding p and stride s: `first' = first − p · stride`,
    `last' = last + ((k − 1) d − p) stride`, `stride' = s · stride`; behind an addition the union of both sides. It is
    the largest that weights can give: what a trained net uses of it is less (arXiv 1701.04128). Means over
    the whole image do not count: the statistics of a norm over groups or layers, the weights of channel attention.
    """
    plan = unfold(network)
    fold = _Fold()
    x = fold.run(plan.stem, ReceptiveField(stride=1, first=0, last=0))
    fold.found["stem"] = x
    for block in plan.blocks:
        x = fold.block(block, x)
    fold.found["head"] = fold.run(plan.head, x)
    return fold.found


class _Fold:
    """Runs a receptive field through a plan and notes what it is where."""

    def __init__(self) -> None:
        self.found: dict[str, ReceptiveField] = {}

    def run(self, steps: Iterable[Step], x: ReceptiveField) -> ReceptiveField:
        """The receptive field behind `steps`."""
        for step in steps:
            x = self.found[step.name] = _behind(step.layer, x)
        return x

    def block(self, block: BlockPlan, x: ReceptiveField) -> ReceptiveField:
        """The receptive field behind `block`."""
        h = self.run(block.entry, x)
        y = self.found[f"{block.name}.branch"] = self.run(block.branch, h)
        if block.drop_step is not None:
            y = self.run((block.drop_step,), y)
        if block.is_residual:
            shortcut = self.run(block.shortcut, h if block.shortcut_reads_entry else x)
            self.found[f"{block.name}.shortcut"] = shortcut
            y = _union(y, shortcut)
            if block.gate_step is not None:
                y = _union(y, self.run((block.gate_step,), x))
            self.found[f"{block.name}.sum"] = y
        if block.is_coupled:
            y = _union(y, self.run(block.carried, h))
        y = self.found[f"{block.name}.out"] = self.run(block.out, y)
        return y


def _behind(layer: Layer, x: ReceptiveField) -> ReceptiveField:
    match layer:
        case Conv():
            return _window(x, (layer.kernel - 1) * layer.dilation, layer.padding, layer.stride)
        case Pool():
            return _window(x, layer.kernel - 1, layer.padding, layer.stride)
        case Blur(stride):
            return _window(x, 2, 1, stride)
        case PadPixels(before):
            return ReceptiveField(x.stride, x.first - before * x.stride, x.last - before * x.stride)
        case Subsample(stride):
            return _window(x, 0, 0, stride)
        case GlobalAverage():
            return ReceptiveField(x.stride, -math.inf, math.inf)
        case Normalise() | SqueezeExcite() | EfficientAttention():
            return x  # what they take from the whole image is not counted: see `receptive_fields`
        case Activate() | Scale() | LearnedScale() | LearnedShift() | PadChannels() | Linear():
            return x
        case Dropout() | DropBlock() | DropBranch():
            return x
        case _:
            assert_never(layer)


def _window(x: ReceptiveField, reach: int, padding: int, stride: int) -> ReceptiveField:
    """Behind windows whose last tap stands `reach` places from the first."""
    return ReceptiveField(x.stride * stride, x.first - padding * x.stride, x.last + (reach - padding) * x.stride)


def _union(a: ReceptiveField, b: ReceptiveField) -> ReceptiveField:
    assert a.stride == b.stride, f"{a} and {b} do not meet"
    return ReceptiveField(a.stride, min(a.first, b.first), max(a.last, b.last))
