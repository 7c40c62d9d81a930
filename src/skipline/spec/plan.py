"""Unfolding: from a description to the named primitive layers of every block, in the order they run.

Cost, theory, building and drawing are folds over this plan, so that no rule about where a layer stands is written
twice. A step's name is also the path of its module (`stage2.block7.branch.conv1`) and a site's name the path of the
place where its signal passes (`stage2.block7.sum`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from skipline.spec.block import Block, Gate, NoShortcut, PadShortcut, ProjectionShortcut
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

Role = Literal["stem", "entry", "branch", "branch_end", "shortcut", "gate", "out", "head"]
"""Where a layer stands. `branch_end`: a branch's last convolution, and the norm behind it if there is one."""


@dataclass(frozen=True, slots=True)
class Step:
    """One layer at one place."""

    name: str
    layer: Layer
    role: Role


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """One block, unfolded: `h = entry(x)`, then `out(branch(h) + shortcut(x or h))`; plain: `out(branch(x))`.

    A pre-activation block's projection reads h, its identity x, except in the network's first block, where both read
    h (arXiv 1603.05027, section 5): `shortcut_reads_entry` says which. Where neither does there is no entry: h is x.
    A gate reads x.
    """

    name: str
    in_channels: int
    out_channels: int
    is_residual: bool
    shortcut_reads_entry: bool
    entry: tuple[Step, ...]
    branch: tuple[Step, ...]
    shortcut: tuple[Step, ...]
    gate: Gate
    gate_step: Step | None
    out: tuple[Step, ...]

    def steps(self) -> Iterator[Step]:
        """Every layer of the block: entry, branch, shortcut, gate, out."""
        yield from self.entry
        yield from self.branch
        yield from self.shortcut
        if self.gate_step is not None:
            yield self.gate_step
        yield from self.out

    @property
    def sites(self) -> tuple[str, ...]:
        """The places where this block's signal is predicted, measured and plotted."""
        inside = ("shortcut", "branch", "sum", "out") if self.is_residual else ("branch", "out")
        return tuple(f"{self.name}.{site}" for site in inside)


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole network, unfolded."""

    stem: tuple[Step, ...]
    blocks: tuple[BlockPlan, ...]
    head: tuple[Step, ...]

    def steps(self) -> Iterator[Step]:
        """Every layer of the network."""
        yield from self.stem
        for block in self.blocks:
            yield from block.steps()
        yield from self.head

    @property
    def sites(self) -> tuple[str, ...]:
        """Every site, in the order the signal passes them."""
        return ("stem", *(site for block in self.blocks for site in block.sites), "head")


def unfold(network: Network) -> Plan:
    """The plan of `network`."""
    blocks = []
    channels = network.stem.channels[-1]
    for stage_number, stage in enumerate(network.stages, start=1):
        for block_number in range(1, stage.num_blocks + 1):
            writer = _BlockWriter(
                network, stage, f"stage{stage_number}.block{block_number}", channels, block_number == 1
            )
            blocks.append(writer.plan(is_first_of_network=not blocks))
            channels = stage.channels
    return Plan(stem=_stem(network), blocks=tuple(blocks), head=_head(network, channels))


def _norm_act(network: Network, layer: Literal["norm", "act"], channels: int) -> Layer | None:
    if layer == "act":
        return Activate(network.activation)
    return None if network.norm.kind == "none" else Normalise(network.norm, channels)


def _stem(network: Network) -> tuple[Step, ...]:
    stem = network.stem
    steps: list[Step] = []
    incoming = network.in_channels
    last = len(stem.channels)
    order = network.stages[0].block.order
    for number, channels in enumerate(stem.channels, start=1):
        stride = stem.stride if number == 1 else 1
        bias = network.norm.kind == "none"
        steps.append(Step(f"stem.conv{number}", Conv(incoming, channels, stem.kernel, stride, bias=bias), "stem"))
        norm = _norm_act(network, "norm", channels)
        if norm is not None and (number < last or order != "pre"):
            steps.append(Step(f"stem.norm{number}", norm, "stem"))
        if number < last or order not in ("pre", "act_only_pre"):
            steps.append(Step(f"stem.act{number}", Activate(network.activation), "stem"))
        incoming = channels
    if stem.pool == "max":
        steps.append(Step("stem.pool", Pool("max", kernel=3, stride=2, padding=1, ceil=False), "stem"))
    return tuple(steps)


def _head(network: Network, channels: int) -> tuple[Step, ...]:
    steps: list[Step] = []
    order = network.stages[-1].block.order
    norm = _norm_act(network, "norm", channels)
    if order == "pre" and norm is not None:
        steps.append(Step("head.norm", norm, "head"))
    if order in ("pre", "act_only_pre"):
        steps.append(Step("head.act", Activate(network.activation), "head"))
    steps.append(Step("head.pool", GlobalAverage(), "head"))
    if network.head.dropout > 0:
        steps.append(Step("head.dropout", Dropout(network.head.dropout), "head"))
    steps.append(Step("head.linear", Linear(channels, network.head.num_classes), "head"))
    return tuple(steps)


class _BlockWriter:
    """Writes one block's steps; holds what they all depend on."""

    def __init__(self, network: Network, stage: Stage, name: str, in_channels: int, is_first_of_stage: bool) -> None:
        self.network = network
        self.stage = stage
        self.block: Block = stage.block
        self.name = name
        self.in_channels = in_channels
        self.stride = stage.stride if is_first_of_stage else 1
        self.first_dilation = stage.first_dilation if is_first_of_stage else stage.dilation
        self.changes = self.stride != 1 or in_channels != stage.channels

    def plan(self, *, is_first_of_network: bool) -> BlockPlan:
        projects = self._projects()
        pre_activated = self.block.order in ("pre", "act_only_pre")
        shares = self.block.is_residual and pre_activated and (is_first_of_network or (projects and self._is_pre()))
        branch = self._branch()
        num_shared = (1 + (self.network.norm.kind != "none") if self._is_pre() else 1) if shares else 0
        entry = tuple(Step(f"{self.name}.entry.{_last(s.name)}", s.layer, "entry") for s in branch[:num_shared])
        return BlockPlan(
            name=self.name,
            in_channels=self.in_channels,
            out_channels=self.stage.channels,
            is_residual=self.block.is_residual,
            shortcut_reads_entry=shares,
            entry=entry,
            branch=branch[num_shared:],
            shortcut=self._shortcut() if self.block.is_residual else (),
            gate=self.block.merge.gate,
            gate_step=self._gate(),
            out=self._out(),
        )

    def _is_pre(self) -> bool:
        return self.block.order == "pre"

    def _projects(self) -> bool:
        shortcut = self.block.shortcut
        return isinstance(shortcut, ProjectionShortcut) and (self.changes or shortcut.when == "always")

    def _convs(self) -> list[Conv]:
        branch, stage = self.block.branch, self.stage
        bias = self.network.norm.kind == "none"
        inner, first_dilation = stage.inner_channels, self.first_dilation
        if branch.kind == "basic":
            return [
                Conv(self.in_channels, inner, 3, self.stride, first_dilation, branch.groups, bias),
                Conv(inner, stage.channels, 3, 1, stage.dilation, branch.groups, bias),
            ]
        first, middle = (self.stride, 1) if branch.stride_at == "first" else (1, self.stride)
        return [
            Conv(self.in_channels, inner, 1, first, bias=bias),
            Conv(inner, inner, 3, middle, first_dilation, branch.groups, bias),
            Conv(inner, stage.channels, 1, bias=bias),
        ]

    def _branch(self) -> tuple[Step, ...]:
        convs = self._convs()
        steps: list[Step] = []
        for number, conv in enumerate(convs, start=1):
            is_last = number == len(convs)
            for part in self._around(is_last):
                layer = conv if part == "conv" else self._part(part, conv)
                if layer is None:
                    continue
                if part == "conv" and is_last and self.block.branch.dropout > 0:
                    dropout = Dropout(self.block.branch.dropout)
                    steps.append(Step(f"{self.name}.branch.dropout", dropout, "branch"))
                ends = is_last and (part == "conv" or (part == "norm" and self._norm_follows()))
                steps.append(Step(f"{self.name}.branch.{part}{number}", layer, "branch_end" if ends else "branch"))
        if self.block.merge.branch_scale != 1.0:
            steps.append(Step(f"{self.name}.branch.scale", Scale(self.block.merge.branch_scale), "branch"))
        return tuple(steps)

    def _norm_follows(self) -> bool:
        return self.block.order in ("post", "act_before_add", "act_only_pre")

    def _around(self, is_last: bool) -> tuple[Literal["norm", "act", "conv"], ...]:
        """The layers that go with one convolution, in this block's order."""
        match self.block.order:
            case "pre":
                return ("norm", "act", "conv")
            case "act_only_pre":
                return ("act", "conv", "norm")
            case "act_before_add":
                return ("conv", "norm", "act")
            case "post":
                return ("conv", "norm") if is_last else ("conv", "norm", "act")
            case "norm_after_add":
                return ("conv",) if is_last else ("conv", "norm", "act")

    def _part(self, part: Literal["norm", "act"], conv: Conv) -> Layer | None:
        channels = conv.in_channels if self._is_pre() else conv.out_channels
        return _norm_act(self.network, part, channels)

    def _shortcut(self) -> tuple[Step, ...]:
        shortcut, merge = self.block.shortcut, self.block.merge
        layers: list[tuple[str, Layer]] = []
        if isinstance(shortcut, NoShortcut):
            return ()
        if self._projects() or (isinstance(shortcut, PadShortcut) and self.changes):
            if self.stride > 1 and shortcut.subsample == "average":
                average = Pool("average", kernel=self.stride, stride=self.stride, padding=0, ceil=True)
                layers.append(("pool", average))
            layers += self._projection(shortcut) if isinstance(shortcut, ProjectionShortcut) else self._pad(shortcut)
        if merge.shortcut_scale != 1.0:
            layers.append(("scale", Scale(merge.shortcut_scale)))
        if merge.shortcut_dropout > 0:
            layers.append(("dropout", Dropout(merge.shortcut_dropout)))
        return tuple(Step(f"{self.name}.shortcut.{name}", layer, "shortcut") for name, layer in layers)

    def _projection(self, shortcut: ProjectionShortcut) -> list[tuple[str, Layer]]:
        stride = self.stride if shortcut.subsample == "stride" else 1
        bias = self.network.norm.kind == "none"
        layers: list[tuple[str, Layer]] = [
            ("conv", Conv(self.in_channels, self.stage.channels, 1, stride, bias=bias)),
        ]
        norm = _norm_act(self.network, "norm", self.stage.channels)
        if norm is not None and not self._is_pre():
            layers.append(("norm", norm))
        return layers

    def _pad(self, shortcut: PadShortcut) -> list[tuple[str, Layer]]:
        layers: list[tuple[str, Layer]] = []
        if self.stride > 1 and shortcut.subsample == "stride":
            layers.append(("subsample", Subsample(self.stride)))
        missing = self.stage.channels - self.in_channels
        if missing:
            before = missing // 2 if shortcut.pad == "both" else 0
            layers.append(("pad", PadChannels(before, missing - before)))
        return layers

    def _gate(self) -> Step | None:
        if self.block.merge.gate == "none":
            return None
        conv = Conv(self.in_channels, self.stage.channels, 1, self.stride, bias=True)
        return Step(f"{self.name}.gate", conv, "gate")

    def _out(self) -> tuple[Step, ...]:
        parts: list[tuple[str, Layer | None]] = []
        if self.block.order == "norm_after_add":
            parts.append(("norm", _norm_act(self.network, "norm", self.stage.channels)))
        if self.block.order in ("post", "norm_after_add"):
            parts.append(("act", Activate(self.network.activation)))
        return tuple(Step(f"{self.name}.out.{name}", layer, "out") for name, layer in parts if layer is not None)


def _last(path: str) -> str:
    return path.rsplit(".", 1)[1]
