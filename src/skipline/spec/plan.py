"""The plan of a network: the named primitive layers of every block, in the order they run.

Cost, theory, building and drawing are folds over it, so that no rule about where a layer stands is written twice. A
step's name is also the path of its module (`stage2.block7.branch.conv1`) and a site's name the path of the place where
its signal passes (`stage2.block7.sum`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from skipline.spec.block import Gate
from skipline.spec.layers import Layer, Normalise, Scale

Role = Literal["stem", "entry", "downscale", "branch", "branch_end", "shortcut", "gate", "drop", "out", "head"]
"""Where a layer stands. `branch_end`: a branch's last convolution, and the norm behind it if there is one; `downscale`:
what divides a block's input by its predicted deviation, first in the entry or the branch."""


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
    A gate reads x. `drop_step` stands between the branch and the sum, or leaves the branch out.

    A block that `is_coupled` takes the channels of x, or of h where the shortcut reads the entry, as two halves:
    `(carried(x₂), branch(x₂) + shortcut(x₁))`.
    """

    name: str
    stage: str
    in_channels: int
    out_channels: int
    is_residual: bool
    shortcut_reads_entry: bool
    entry: tuple[Step, ...]
    branch: tuple[Step, ...]
    shortcut: tuple[Step, ...]
    is_coupled: bool
    carried: tuple[Step, ...]
    gate: Gate
    gate_step: Step | None
    drop_step: Step | None
    out: tuple[Step, ...]

    def steps(self) -> Iterator[Step]:
        """Every layer of the block: entry, branch, shortcut, carried, gate, drop, out."""
        yield from self.entry
        yield from self.branch
        yield from self.shortcut
        yield from self.carried
        if self.gate_step is not None:
            yield self.gate_step
        if self.drop_step is not None:
            yield self.drop_step
        yield from self.out

    @property
    def is_reversible(self) -> bool:
        """Whether x follows from y: `x₂ = y₁, x₁ = y₂ − branch(y₁)`, which holds where nothing else is passed."""
        return self.is_coupled and not (self.entry or self.shortcut or self.carried)

    @property
    def input_scale(self) -> float:
        """What the input is multiplied by before the branch reads it: 1 over its predicted deviation, or 1."""
        factors = [
            step.layer.factor for step in self.steps() if step.role == "downscale" and isinstance(step.layer, Scale)
        ]
        return factors[0] if factors else 1.0

    @property
    def norm_ends_branch(self) -> bool:
        """Whether a norm stands behind the branch's last convolution, before branch and shortcut meet."""
        return any(step.role == "branch_end" and isinstance(step.layer, Normalise) for step in self.branch)

    @property
    def output(self) -> str:
        """The site behind all of it."""
        return f"{self.name}.out"

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

    @property
    def outputs(self) -> dict[str, str]:
        """The site behind each block and the name of the block's stage, in the order the signal passes them."""
        return {block.output: block.stage for block in self.blocks}
