"""A network in a few rows: equal blocks folded, each row with its shape, its receptive field and its cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, assert_never

from skipline.costs import StepCost, cost
from skipline.report.number import count
from skipline.spec import BlockPlan, Network, Step, unfold
from skipline.spec.layer_size import Shape
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
from skipline.theory.receptive_field import receptive_fields


@dataclass(frozen=True, slots=True)
class Word:
    """A layer in a word or two; `is_around` says that it is a norm, an activation or a shift, around the others."""

    text: str
    is_around: bool


Words = tuple[Word, ...]
"""Layers in the order they run."""
_SWAP = Word("x₁; halves swap", is_around=False)  # of coupled halves: x₁ is added to, x₂ becomes the first half


@dataclass(frozen=True, slots=True)
class Row:
    """The stem, the head, or `num_blocks` equal blocks one after another; cost is that of all of them together.

    `layers` are those of the stem, the head, a plain block, or a residual block's branch; `entry`, `shortcut`, `gate`
    and `out` are empty where there are none. `shape` and `receptive_field` (pixels a side, ∞ for the whole image) are
    behind the last layer.
    """

    name: str
    stage: str
    kind: Literal["stem", "plain", "residual", "head"]
    num_blocks: int
    entry: Words
    layers: Words
    shortcut: Words
    gate: Words
    out: Words
    shape: Shape
    receptive_field: float
    parameters: int
    macs: int


@dataclass(frozen=True, slots=True)
class Outline:
    """All rows of a network, for images of `image_size` pixels a side, and what they add up to."""

    name: str
    in_channels: int
    image_size: int
    depth: int
    parameters: int
    macs: int
    rows: tuple[Row, ...]


def outline(network: Network, *, image_size: int) -> Outline:
    """`network` in rows, with the cost of one square image of `image_size` pixels a side.

    Neighbours in a stage whose layers are equal share a row, so a net has few rows at any depth. Raises `SpecError` for
    an image without pixels.
    """
    counted = cost(network, image_size=image_size)
    costs = {step.name: step for step in counted.steps}
    fields = {name: field.size for name, field in receptive_fields(network).items()}
    plan = unfold(network)
    rows = [_end("stem", plan.stem, costs, fields)]
    for _, equal in groupby(plan.blocks, key=_likeness):
        rows.append(_blocks(tuple(equal), costs, fields))
    rows.append(_end("head", plan.head, costs, fields))
    return Outline(
        name=network.name,
        in_channels=network.in_channels,
        image_size=image_size,
        depth=network.depth,
        parameters=counted.parameters,
        macs=counted.macs,
        rows=tuple(rows),
    )


def shape_text(shape: Shape) -> str:
    """`64×56×56`, or `1000`."""
    return "×".join(map(str, shape))


def count_text(value: int) -> str:
    """A count to three or four digits: `9,536`, `1.22 M`, `4.09 G`."""
    for unit, size in (("G", 10**9), ("M", 10**6)):
        if value >= size:
            return f"{value / size:,.2f} {unit}"
    return count(value)


def _likeness(block: BlockPlan) -> object:
    """Equal for blocks that share a row; what grows with the depth may differ: rates of drops, input deviations."""
    stage = block.name.split(".")[0]
    layers = [(step.role, step.layer) for step in block.steps() if step.role not in ("drop", "downscale")]
    return stage, block.is_residual, block.shortcut_reads_entry, block.drop_step is None, layers


def _end(
    kind: Literal["stem", "head"], steps: tuple[Step, ...], costs: dict[str, StepCost], fields: dict[str, float]
) -> Row:
    return Row(
        name=kind,
        stage=kind,
        kind=kind,
        num_blocks=0,
        entry=(),
        layers=_words(steps),
        shortcut=(),
        gate=(),
        out=(),
        shape=costs[steps[-1].name].shape,
        receptive_field=fields[kind],
        parameters=sum(costs[step.name].parameters for step in steps),
        macs=sum(costs[step.name].macs for step in steps),
    )


def _blocks(blocks: tuple[BlockPlan, ...], costs: dict[str, StepCost], fields: dict[str, float]) -> Row:
    first, last = blocks[0], blocks[-1]
    stage, _, name = first.name.partition(".")
    if len(blocks) > 1:
        name = f"{name}–{last.name.partition('.')[2].removeprefix('block')}"
    steps = [costs[step.name] for block in blocks for step in block.steps()]
    downscaled = _downscaled(first, last)
    return Row(
        name=name,
        stage=stage,
        kind="residual" if first.is_residual else "plain",
        num_blocks=len(blocks),
        entry=(*(downscaled if first.shortcut_reads_entry else ()), *_words(first.entry)),
        layers=(
            *(() if first.shortcut_reads_entry else downscaled),
            *_words(first.branch),
            *_dropped(first, last),
        ),
        shortcut=(*((_SWAP,) if first.is_coupled else ()), *_words(first.shortcut)),
        gate=() if first.gate_step is None else _words((first.gate_step,)),
        out=_words(first.out),
        shape=(last.out_channels, *costs[last.branch[-1].name].shape[1:]),
        receptive_field=fields[f"{last.name}.out"],
        parameters=sum(step.parameters for step in steps),
        macs=sum(step.macs for step in steps),
    )


def _words(steps: Iterable[Step]) -> Words:
    return tuple(
        Word(layer_text(step.layer), isinstance(step.layer, Normalise | Activate | LearnedShift))
        for step in steps
        if step.role != "downscale"
    )


def _downscaled(first: BlockPlan, last: BlockPlan) -> Words:
    """What the input is multiplied by, in the first block and in the last."""
    factors = [first.input_scale, last.input_scale]
    texts = dict.fromkeys(f"{factor:.2g}" for factor in factors)
    return () if factors == [1.0, 1.0] else (Word(f"scale {'–'.join(texts)}", is_around=False),)


def _dropped(first: BlockPlan, last: BlockPlan) -> Words:
    """Stochastic depth, with its least and its greatest rate."""
    rates = [
        f"{b.drop_step.layer.rate:.2g}"
        for b in (first, last)
        if b.drop_step and isinstance(b.drop_step.layer, DropBranch)
    ]
    return (Word(f"left out {'–'.join(dict.fromkeys(rates))}", is_around=False),) if rates else ()


def layer_text(layer: Layer) -> str:
    """A layer in a word or two."""
    match layer:
        case Conv():
            groups = f" in {layer.groups} groups" if layer.groups > 1 else ""
            return f"{_square(layer.kernel)} conv {layer.out_channels}{groups}{_strided(layer.stride, layer.dilation)}"
        case Normalise(norm):
            return f"{norm.kind} norm"
        case Activate(activation):
            shaped = "shaped " if activation.is_transformed else ""
            return shaped + activation.kind.replace("_", " ")
        case Pool():
            return f"{_square(layer.kernel)} {layer.kind}{_strided(layer.stride, 1)}"
        case GlobalAverage():
            return "mean"
        case Subsample(stride):
            return f"subsample /{stride}"
        case PadChannels(before, after):
            return f"pad {before + after}"
        case Scale(factor):
            return f"scale {factor:g}"
        case LearnedScale():
            return "learned scale"
        case LearnedShift():
            return "learned shift"
        case Blur(stride):
            return f"blur{_strided(stride, 1)}"
        case PadPixels():
            return "zero border"
        case SqueezeExcite(inner_channels=inner):
            return f"squeeze-excite {inner}"
        case EfficientAttention(kernel=kernel):
            return f"channel attention {kernel}"
        case DropBlock(rate):
            return f"drop-block {rate:g}"
        case DropBranch(rate):
            return f"left out {rate:.2g}"
        case Dropout(rate):
            return f"dropout {rate:g}"
        case Linear():
            return f"linear {layer.out_features}"
        case _:
            assert_never(layer)


def _square(side: int) -> str:
    return f"{side}×{side}"


def _strided(stride: int, dilation: int) -> str:
    return (f" /{stride}" if stride > 1 else "") + (f" dilated {dilation}" if dilation > 1 else "")
