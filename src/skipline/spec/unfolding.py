"""Unfolding: from a description to its plan. Every rule about which layer stands where is in this file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from skipline.spec.block import Block, NoShortcut, Order, PadShortcut, ProjectionShortcut
from skipline.spec.layers import (
    Activate,
    Conv,
    Dropout,
    GlobalAverage,
    Layer,
    Linear,
    Normalise,
    PadChannels,
    Pool,
    Scale,
    Subsample,
)
from skipline.spec.network import Network, Stage
from skipline.spec.plan import BlockPlan, Plan, Role, Step


@dataclass(frozen=True, slots=True)
class _Arrangement:
    """What stands around a convolution c, in order: n the norm, a the activation.

    `inner` around a branch's convolutions, `last` around its last one, `out` after the addition; `stem` around the
    stem's last convolution and `head` after the last addition, so that every convolution's input is activated once.
    """

    stem: str
    inner: str
    last: str
    out: str
    head: str


# arXiv 1603.05027, figure 4, and section 5 for the stem and the head
_ARRANGEMENTS: dict[Order, _Arrangement] = {
    "post": _Arrangement(stem="cna", inner="cna", last="cn", out="a", head=""),
    "norm_after_add": _Arrangement(stem="cna", inner="cna", last="c", out="na", head=""),
    "act_before_add": _Arrangement(stem="cna", inner="cna", last="cna", out="", head=""),
    "act_only_pre": _Arrangement(stem="cn", inner="acn", last="acn", out="", head="a"),
    "pre": _Arrangement(stem="c", inner="nac", last="nac", out="", head="na"),
}


def unfold(network: Network) -> Plan:
    """The plan of `network`."""
    return Plan(stem=_stem(network), blocks=tuple(map(_block, _places(network))), head=_head(network))


@dataclass(frozen=True, slots=True)
class _Place:
    """One block's place in its network, and what follows from it."""

    network: Network
    stage: Stage
    name: str
    in_channels: int
    is_first_of_stage: bool
    is_first_of_network: bool

    @property
    def block(self) -> Block:
        return self.stage.block

    @property
    def stride(self) -> int:
        return self.stage.stride if self.is_first_of_stage else 1

    @property
    def changes_shape(self) -> bool:
        return self.stride != 1 or self.in_channels != self.stage.channels

    @property
    def projects(self) -> bool:
        shortcut = self.block.shortcut
        return isinstance(shortcut, ProjectionShortcut) and (self.changes_shape or shortcut.when == "always")

    @property
    def shares_entry(self) -> bool:
        """Whether the shortcut starts behind the layers before the branch's first convolution."""
        if not self.block.is_residual:
            return False
        if self.is_first_of_network:
            return self.block.order in ("pre", "act_only_pre")
        return self.block.order == "pre" and self.projects


def _places(network: Network) -> Iterator[_Place]:
    channels = network.stem.channels[-1]
    for stage_number, stage in enumerate(network.stages, start=1):
        for block_number in range(1, stage.num_blocks + 1):
            yield _Place(
                network=network,
                stage=stage,
                name=f"stage{stage_number}.block{block_number}",
                in_channels=channels,
                is_first_of_stage=block_number == 1,
                is_first_of_network=stage_number == block_number == 1,
            )
            channels = stage.channels


def _stem(network: Network) -> tuple[Step, ...]:
    stem = network.stem
    layers: list[tuple[str, Layer]] = []
    incoming = network.in_channels
    for number, channels in enumerate(stem.channels, start=1):
        stride = stem.stride if number == 1 else 1
        conv = Conv(incoming, channels, stem.kernel, stride, bias=_has_bias(network))
        is_last = number == len(stem.channels)
        letters = _ARRANGEMENTS[network.stages[0].block.order].stem if is_last else "cna"
        layers += [(f"{name}{number}", layer) for name, layer in _around(network, letters, conv)]
        incoming = channels
    if stem.pool == "max":
        layers.append(("pool", Pool("max", kernel=3, stride=2, padding=1, ceil=False)))
    return _steps("stem", layers, "stem")


def _head(network: Network) -> tuple[Step, ...]:
    stage = network.stages[-1]
    layers = _behind(network, _ARRANGEMENTS[stage.block.order].head, stage.channels)
    layers.append(("pool", GlobalAverage()))
    if network.head.dropout > 0:
        layers.append(("dropout", Dropout(network.head.dropout)))
    layers.append(("linear", Linear(stage.channels, network.head.num_classes)))
    return _steps("head", layers, "head")


def _block(place: _Place) -> BlockPlan:
    branch = _branch(place)
    first_conv = next(number for number, step in enumerate(branch) if isinstance(step.layer, Conv))
    num_shared = first_conv if place.shares_entry else 0
    entry = [(step.name.rpartition(".")[2], step.layer) for step in branch[:num_shared]]
    out = _behind(place.network, _ARRANGEMENTS[place.block.order].out, place.stage.channels)
    return BlockPlan(
        name=place.name,
        in_channels=place.in_channels,
        out_channels=place.stage.channels,
        is_residual=place.block.is_residual,
        shortcut_reads_entry=place.shares_entry,
        entry=_steps(f"{place.name}.entry", entry, "entry"),
        branch=branch[num_shared:],
        shortcut=_steps(f"{place.name}.shortcut", _shortcut(place), "shortcut"),
        gate=place.block.merge.gate,
        gate_step=_gate(place),
        out=_steps(f"{place.name}.out", out, "out"),
    )


def _branch(place: _Place) -> tuple[Step, ...]:
    network, path = place.network, f"{place.name}.branch"
    arrangement = _ARRANGEMENTS[place.block.order]
    *inner, last = _convs(place)
    steps = [
        Step(f"{path}.{name}{number}", layer, "branch")
        for number, conv in enumerate(inner, start=1)
        for name, layer in _around(network, arrangement.inner, conv)
    ]
    for name, layer in _around(network, arrangement.last, last):
        if name == "conv" and place.block.branch.dropout > 0:
            steps.append(Step(f"{path}.dropout", Dropout(place.block.branch.dropout), "branch"))
        ends = name == "conv" or (name == "norm" and steps[-1].role == "branch_end")
        steps.append(Step(f"{path}.{name}{len(inner) + 1}", layer, "branch_end" if ends else "branch"))
    if place.block.merge.branch_scale != 1.0:
        steps.append(Step(f"{path}.scale", Scale(place.block.merge.branch_scale), "branch"))
    return tuple(steps)


def _convs(place: _Place) -> list[Conv]:
    branch, stage, bias = place.block.branch, place.stage, _has_bias(place.network)
    inner = stage.inner_channels
    dilation = stage.first_dilation if place.is_first_of_stage else stage.dilation
    if branch.kind == "basic":
        return [
            Conv(place.in_channels, inner, 3, place.stride, dilation, branch.groups, bias),
            Conv(inner, stage.channels, 3, 1, stage.dilation, branch.groups, bias),
        ]
    first, middle = (place.stride, 1) if branch.stride_at == "first" else (1, place.stride)
    return [
        Conv(place.in_channels, inner, 1, first, bias=bias),
        Conv(inner, inner, 3, middle, dilation, branch.groups, bias),
        Conv(inner, stage.channels, 1, bias=bias),
    ]


def _shortcut(place: _Place) -> list[tuple[str, Layer]]:
    shortcut, merge = place.block.shortcut, place.block.merge
    if isinstance(shortcut, NoShortcut):
        return []
    layers: list[tuple[str, Layer]] = []
    stride = place.stride
    if shortcut.subsample == "average" and stride > 1:
        layers.append(("pool", Pool("average", kernel=stride, stride=stride, padding=0, ceil=True)))
        stride = 1
    if isinstance(shortcut, PadShortcut):
        layers += _padding(place, shortcut, stride)
    elif place.projects:
        conv = Conv(place.in_channels, place.stage.channels, 1, stride, bias=_has_bias(place.network))
        layers += _around(place.network, "c" if place.block.order == "pre" else "cn", conv)
    if merge.shortcut_scale != 1.0:
        layers.append(("scale", Scale(merge.shortcut_scale)))
    if merge.shortcut_dropout > 0:
        layers.append(("dropout", Dropout(merge.shortcut_dropout)))
    return layers


def _padding(place: _Place, shortcut: PadShortcut, stride: int) -> list[tuple[str, Layer]]:
    layers: list[tuple[str, Layer]] = []
    if stride > 1:
        layers.append(("subsample", Subsample(stride)))
    missing = place.stage.channels - place.in_channels
    if missing:
        before = missing // 2 if shortcut.pad == "both" else 0
        layers.append(("pad", PadChannels(before, missing - before)))
    return layers


def _gate(place: _Place) -> Step | None:
    if place.block.merge.gate == "none":
        return None
    conv = Conv(place.in_channels, place.stage.channels, 1, place.stride, bias=True)
    return Step(f"{place.name}.gate", conv, "gate")


def _around(network: Network, letters: str, conv: Conv) -> list[tuple[str, Layer]]:
    """`conv` and the layers around it that `letters` say, each with its name; a norm `none` is no layer."""
    before, _, behind = letters.partition("c")
    return [
        *_behind(network, before, conv.in_channels),
        ("conv", conv),
        *_behind(network, behind, conv.out_channels),
    ]


def _behind(network: Network, letters: str, channels: int) -> list[tuple[str, Layer]]:
    """The norms and activations that `letters` say, over `channels` channels."""
    layers: list[tuple[str, Layer]] = []
    for letter in letters:
        if letter == "a":
            layers.append(("act", Activate(network.activation)))
        elif network.norm.kind != "none":
            layers.append(("norm", Normalise(network.norm, channels)))
    return layers


def _has_bias(network: Network) -> bool:
    return network.norm.kind == "none"


def _steps(path: str, layers: list[tuple[str, Layer]], role: Role) -> tuple[Step, ...]:
    return tuple(Step(f"{path}.{name}", layer, role) for name, layer in layers)
