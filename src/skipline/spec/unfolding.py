"""Unfolding: from a description to its plan. Every rule about which layer stands where is in this file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from skipline.spec.arrangement import ARRANGEMENTS, around, behind, conv_of, opening_of, shift
from skipline.spec.attention import attention_layer
from skipline.spec.block import Block, NoShortcut, PadShortcut, ProjectionShortcut
from skipline.spec.check import SpecError
from skipline.spec.downscale import input_deviations
from skipline.spec.layers import (
    Blur,
    Conv,
    DropBlock,
    DropBranch,
    Dropout,
    GlobalAverage,
    Layer,
    LearnedScale,
    Linear,
    Normalise,
    PadChannels,
    PadPixels,
    Pool,
    Scale,
    Subsample,
)
from skipline.spec.network import Network, Stage, StemPool
from skipline.spec.plan import BlockPlan, Plan, Role, Step
from skipline.wording import shown


def unfold(network: Network) -> Plan:
    """The plan of `network`. Raises `SpecError` for what is no description."""
    if not isinstance(network, Network):
        raise SpecError(
            f"a description is expected, and {shown(network)} came. A name becomes one by "
            "skipline.describe('cifar_resnet20'), a file's text by skipline.spec.loads(text)."
        )
    return _unfolded(network)


@lru_cache(maxsize=8)  # one question about a network often asks for its plan several times, each 0.2 s at 1000 layers
def _unfolded(network: Network) -> Plan:
    return Plan(stem=_stem(network), blocks=tuple(map(_block, _places(network))), head=_head(network))


@dataclass(frozen=True, slots=True)
class _Place:
    """One block's place in its network, and what follows from it."""

    network: Network
    stage: Stage
    stage_name: str
    name: str
    in_channels: int
    number: int
    is_first_of_stage: bool
    input_deviation: float

    @property
    def block(self) -> Block:
        return self.stage.block

    @property
    def is_first_of_network(self) -> bool:
        return self.number == 1

    @property
    def stride(self) -> int:
        return self.stage.stride if self.is_first_of_stage else 1

    @property
    def removed_stride(self) -> int:
        return self.stage.removed_stride if self.is_first_of_stage else 1

    @property
    def changes_shape(self) -> bool:
        return self.stride != 1 or self.in_channels != self.stage.channels

    @property
    def projects(self) -> bool:
        return self.block.projects(changes_shape=self.changes_shape)

    @property
    def path_in(self) -> int:
        """The channels that the branch reads, and the shortcut: all, or those of one half."""
        return self.in_channels // self.block.num_halves

    @property
    def path_out(self) -> int:
        """The channels that they give."""
        return self.stage.channels // self.block.num_halves

    @property
    def shares_entry(self) -> bool:
        """Whether the shortcut starts behind the layers before the branch's first convolution."""
        if not self.block.is_residual:
            return False
        if self.is_first_of_network and self.network.first_identity == "activated":
            return self.block.order in ("pre", "act_only_pre")
        return self.block.order == "pre" and self.projects and self.block.coupling == "none"


def _places(network: Network) -> Iterator[_Place]:
    channels = network.stem.channels[-1]
    deviations = tuple(input_deviations(network))
    number = 0
    for stage_number, stage in enumerate(network.stages, start=1):
        for block_number in range(1, stage.num_blocks + 1):
            number += 1
            yield _Place(
                network=network,
                stage=stage,
                stage_name=f"stage{stage_number}",
                name=f"stage{stage_number}.block{block_number}",
                in_channels=channels,
                number=number,
                is_first_of_stage=block_number == 1,
                input_deviation=deviations[number - 1] if network.branch_input == "unit_variance" else 1.0,
            )
            channels = stage.channels


def _stem(network: Network) -> tuple[Step, ...]:
    stem = network.stem
    layers: list[tuple[str, Layer]] = []
    convs = [
        (channels, stem.kernel, stem.stride if number == 0 else 1) for number, channels in enumerate(stem.channels)
    ]
    if stem.pool == "conv":
        convs.append((stem.channels[-1], 3, 2))
    incoming = network.in_channels
    for number, (channels, kernel, stride) in enumerate(convs, start=1):
        letters = ARRANGEMENTS[network.stages[0].block.order].stem if number == len(convs) else "cna"
        conv = conv_of(network, incoming, channels, kernel=kernel, stride=stride)
        if number == 1:  # it reads the images: no activation to make up for, no shift before it
            first = replace(conv, weights=replace(conv.weights, gain=1.0))
            layers += _numbered([("conv", first), *behind(network, letters.partition("c")[2], channels)], number)
        else:
            layers += _numbered(around(network, letters, conv), number)
        incoming = channels
    layers += _STEM_POOLS[stem.pool]
    return _steps("stem", layers, "stem")


_STEM_POOLS: dict[StemPool, tuple[tuple[str, Layer], ...]] = {
    "none": (),
    "max": (("pool", Pool("max", kernel=3, stride=2, padding=1, ceil=False)),),
    "max_zeros": (("border", PadPixels(1, 1)), ("pool", Pool("max", kernel=3, stride=2, padding=0, ceil=False))),
    "max_blur": (("pool", Pool("max", kernel=3, stride=1, padding=1, ceil=False)), ("blur", Blur(2))),
    "average": (("pool", Pool("average", kernel=2, stride=2, padding=0, ceil=False)),),
    "conv": (),
}


def _head(network: Network) -> tuple[Step, ...]:
    stage = network.stages[-1]
    layers = behind(network, ARRANGEMENTS[stage.block.order].head, stage.channels)
    layers.append(("pool", GlobalAverage()))
    if network.head.dropout > 0:
        layers.append(("dropout", Dropout(network.head.dropout)))
    layers += shift(network, "linear")
    layers.append(("linear", Linear(stage.channels, network.head.num_classes)))
    return _steps("head", layers, "head")


def _block(place: _Place) -> BlockPlan:
    branch, shares_entry, block = _branch(place), place.shares_entry, place.block
    num_shared = _num_shared(place, branch) if shares_entry else 0
    entry = tuple(
        Step(
            step.name.replace(f"{place.name}.branch", f"{place.name}.entry"),
            replace(step.layer, channels=place.in_channels) if isinstance(step.layer, Normalise) else step.layer,
            "downscale" if step.role == "downscale" else "entry",
        )
        for step in branch[:num_shared]
    )
    out = behind(place.network, ARRANGEMENTS[block.order].out, place.stage.channels)
    is_coupled, shortcut = block.num_halves > 1, _shortcut(place)
    return BlockPlan(
        name=place.name,
        stage=place.stage_name,
        in_channels=place.in_channels,
        out_channels=place.stage.channels,
        is_residual=block.is_residual,
        shortcut_reads_entry=shares_entry,
        entry=entry,
        branch=branch[num_shared:],
        shortcut=_steps(f"{place.name}.shortcut", shortcut, "shortcut"),
        is_coupled=is_coupled,
        carried=_steps(f"{place.name}.carried", shortcut if is_coupled else [], "shortcut"),
        gate=block.merge.gate,
        gate_step=_gate(place),
        drop_step=_drop(place),
        out=_steps(f"{place.name}.out", out, "out"),
    )


def _num_shared(place: _Place, branch: tuple[Step, ...]) -> int:
    """How many layers stand before the branch's first convolution, or before the shift that opens it."""
    first = f"{place.name}.branch.{opening_of(place.network)}1"
    return next(number for number, step in enumerate(branch) if step.name == first)


def _branch(place: _Place) -> tuple[Step, ...]:
    branch, path = place.block.branch, f"{place.name}.branch"
    arrangement, shrinking = ARRANGEMENTS[place.block.order], _shrinking_conv(place)
    *inner, last = _convs(place)
    opening = opening_of(place.network)
    steps: list[Step] = []
    if place.input_deviation != 1.0:
        steps.append(Step(f"{path}.downscale", Scale(1 / place.input_deviation), "downscale"))
    for number, conv in enumerate(inner, start=1):
        for name, layer in around(place.network, arrangement.inner, conv):
            if name == opening and number == shrinking + 1:
                steps += _antialias(place)
            steps.append(Step(f"{path}.{name}{number}", layer, "branch"))
    for name, layer in around(place.network, arrangement.last, last):
        if name == opening and len(inner) == shrinking:
            steps += _antialias(place)
        if name == opening and branch.dropout > 0:
            steps.append(Step(f"{path}.dropout", Dropout(branch.dropout), "branch"))
        ends = name == "conv" or (name == "norm" and steps[-1].role == "branch_end")
        steps.append(Step(f"{path}.{name}{len(inner) + 1}", layer, "branch_end" if ends else "branch"))
    if branch.drop_block > 0:
        _insert_drop_block(place, steps)
    return (*steps, *_branch_weighing(place))


def _branch_weighing(place: _Place) -> tuple[Step, ...]:
    """What multiplies the branch's output: attention, then a constant or a learned scale."""
    merge = place.block.merge
    layers: list[tuple[str, Layer]] = []
    attention = attention_layer(place.block.branch.attention, place.path_out)
    if attention is not None:
        layers.append(("attention", attention))
    if merge.branch_scaling == "learned":
        layers.append(("scale", LearnedScale(merge.branch_scale)))
    elif merge.branch_scale != 1.0:
        layers.append(("scale", Scale(merge.branch_scale)))
    return _steps(f"{place.name}.branch", layers, "branch")


def _shrinking_conv(place: _Place) -> int:
    """The number of the branch's convolution that has the stride."""
    return 2 if place.block.branch.stride_at == "middle" else 1


def _antialias(place: _Place) -> tuple[Step, ...]:
    """What shrinks the image for the convolution before it; at stride 1 a blur stays, and a mean over one pixel not."""
    kind, stride = place.block.branch.antialias, place.stride
    name = f"{place.name}.branch.antialias"
    if kind == "blur" and max(stride, place.removed_stride) > 1:
        return (Step(name, Blur(stride), "branch"),)
    if kind == "average" and stride > 1:
        return (Step(name, Pool("average", kernel=stride, stride=stride, padding=0, ceil=True), "branch"),)
    return ()


def _insert_drop_block(place: _Place, steps: list[Step]) -> None:
    """Behind the first 3×3 convolution, or behind the norm that follows it at once."""
    branch, path = place.block.branch, f"{place.name}.branch"
    spatial = f"{path}.conv{1 if branch.kind == 'basic' else 2}"
    at = next(number for number, step in enumerate(steps, start=1) if step.name == spatial)
    if isinstance(steps[at].layer, Normalise):
        at += 1
    steps.insert(at, Step(f"{path}.drop_block", DropBlock(branch.drop_block, branch.drop_block_size), "branch"))


def _convs(place: _Place) -> list[Conv]:
    network, branch, stage = place.network, place.block.branch, place.stage
    inner, outer, groups = stage.inner_channels, place.path_out, branch.groups
    stride = place.stride if branch.antialias == "none" else 1
    dilation = stage.first_dilation if place.is_first_of_stage else stage.dilation
    if branch.kind == "basic":
        return [
            conv_of(network, place.path_in, inner, kernel=3, stride=stride, dilation=dilation, groups=groups),
            conv_of(network, inner, outer, kernel=3, dilation=stage.dilation, groups=groups),
        ]
    first, middle = (stride, 1) if branch.stride_at == "first" else (1, stride)
    return [
        conv_of(network, place.path_in, inner, kernel=1, stride=first),
        conv_of(network, inner, inner, kernel=3, stride=middle, dilation=dilation, groups=groups),
        conv_of(network, inner, outer, kernel=1),
    ]


def _shortcut(place: _Place) -> list[tuple[str, Layer]]:
    shortcut, merge = place.block.shortcut, place.block.merge
    if isinstance(shortcut, NoShortcut):
        return []
    layers: list[tuple[str, Layer]] = []
    stride = place.stride
    if shortcut.subsample != "stride":
        if isinstance(shortcut, PadShortcut) or place.projects:
            layers += _filtered(shortcut, place)
        stride = 1
    if isinstance(shortcut, PadShortcut):
        layers += _padding(place, shortcut, stride)
    elif place.projects:
        conv = conv_of(place.network, place.path_in, place.path_out, kernel=1, stride=stride)
        layers += around(place.network, "c" if place.block.order == "pre" else "cn", conv)
    if merge.shortcut_scale != 1.0:
        layers.append(("scale", Scale(merge.shortcut_scale)))
    if merge.shortcut_dropout > 0:
        layers.append(("dropout", Dropout(merge.shortcut_dropout)))
    return layers


def _filtered(shortcut: PadShortcut | ProjectionShortcut, place: _Place) -> list[tuple[str, Layer]]:
    """What a shortcut filters the image with before it shrinks, or before a projection whose stride was left out."""
    stride, removed = place.stride, place.removed_stride if place.projects else 1
    if max(stride, removed) == 1:
        return []
    if shortcut.subsample == "blur":
        return [("blur", Blur(stride))]
    if stride > 1:
        return [("pool", Pool("average", kernel=stride, stride=stride, padding=0, ceil=True))]
    before = (removed - 1) // 2
    pool = Pool("average", kernel=removed, stride=1, padding=0, ceil=False)
    return [("border", PadPixels(before, removed - 1 - before)), ("pool", pool)]


def _padding(place: _Place, shortcut: PadShortcut, stride: int) -> list[tuple[str, Layer]]:
    layers: list[tuple[str, Layer]] = []
    if stride > 1:
        layers.append(("subsample", Subsample(stride)))
    missing = place.path_out - place.path_in
    if missing:
        before = missing // 2 if shortcut.pad == "both" else 0
        layers.append(("pad", PadChannels(before, missing - before)))
    return layers


def _gate(place: _Place) -> Step | None:
    if place.block.merge.gate == "none":
        return None
    conv = Conv(place.in_channels, place.stage.channels, 1, place.stride, bias=True)
    return Step(f"{place.name}.gate", conv, "gate")


def _drop(place: _Place) -> Step | None:
    depth = place.network.stochastic_depth
    if depth.rate == 0:
        return None
    rate = depth.rate_of(place.number, place.network.num_blocks)
    return Step(f"{place.name}.drop", DropBranch(rate, depth.mode), "drop")


def _numbered(layers: list[tuple[str, Layer]], number: int) -> list[tuple[str, Layer]]:
    return [(f"{name}{number}", layer) for name, layer in layers]


def _steps(path: str, layers: list[tuple[str, Layer]], role: Role) -> tuple[Step, ...]:
    return tuple([Step(f"{path}.{name}", layer, role) for name, layer in layers])
