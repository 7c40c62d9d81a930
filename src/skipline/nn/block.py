"""One block, as a figure of the paper draws it: entry, branch, shortcut, sum, out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from skipline.nn.dropout import DropBranch
from skipline.nn.layers import module_of
from skipline.spec import BlockPlan, Step


def chain(steps: Iterable[Step]) -> nn.Sequential:
    """The layers of `steps` one after another, each under the last part of its name; no steps: the identity."""
    return nn.Sequential(OrderedDict((step.name.rsplit(".", 1)[1], module_of(step.layer)) for step in steps))


def block_of(plan: BlockPlan) -> nn.Module:
    """The module of one block."""
    if not plan.is_residual:
        return PlainBlock(plan)
    if plan.is_coupled:
        return CoupledBlock(plan)
    if plan.gate_step is not None:
        return GatedBlock(plan)
    return ResidualBlock(plan) if plan.drop_step is None else StochasticBlock(plan)


class PlainBlock(nn.Module):
    """`y = out(branch(x))`."""

    def __init__(self, plan: BlockPlan) -> None:
        super().__init__()
        self.branch = chain(plan.branch)
        self.out = chain(plan.out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C', H', W')."""
        return self.out(self.branch(x))


class ResidualBlock(nn.Module):
    """`y = out(branch(h) + shortcut(x))` with `h = entry(x)`, or `shortcut(h)` where the two share the entry."""

    def __init__(self, plan: BlockPlan) -> None:
        super().__init__()
        self.shortcut_reads_entry = plan.shortcut_reads_entry
        self.entry = chain(plan.entry)
        self.branch = chain(plan.branch)
        self.shortcut = chain(plan.shortcut)
        self.sum = Add()
        self.out = chain(plan.out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C', H', W')."""
        h = self.entry(x)
        shortcut = self.shortcut(h if self.shortcut_reads_entry else x)
        return self.out(self.sum(self.branch(h), shortcut))


class StochasticBlock(nn.Module):
    """A residual block whose branch is left out at random while training: `y = out(drop(branch(h)) + shortcut(x))`.

    Where the draw says so for the whole batch, `y = out(shortcut(x))`, and the branch is not computed.
    """

    def __init__(self, plan: BlockPlan) -> None:
        super().__init__()
        assert plan.drop_step is not None
        self.shortcut_reads_entry = plan.shortcut_reads_entry
        self.entry = chain(plan.entry)
        self.branch = chain(plan.branch)
        drop = module_of(plan.drop_step.layer)
        assert isinstance(drop, DropBranch)
        self.drop = drop
        self.shortcut = chain(plan.shortcut)
        self.sum = Add()
        self.out = chain(plan.out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C', H', W')."""
        h = self.entry(x)
        shortcut = self.shortcut(h if self.shortcut_reads_entry else x)
        if self.drop.leaves_out():
            return self.out(self.sum(None, shortcut))
        return self.out(self.sum(self.drop(self.branch(h)), shortcut))


class GatedBlock(nn.Module):
    """A residual block whose sum is weighed by `g = sigmoid(gate(x))` (arXiv 1603.05027, section 3.1)."""

    def __init__(self, plan: BlockPlan) -> None:
        super().__init__()
        assert plan.gate_step is not None
        self.shortcut_reads_entry = plan.shortcut_reads_entry
        self.entry = chain(plan.entry)
        self.branch = chain(plan.branch)
        self.shortcut = chain(plan.shortcut)
        self.gate = module_of(plan.gate_step.layer)
        self.sum = ExclusiveAdd() if plan.gate == "exclusive" else ShortcutGatedAdd()
        self.out = chain(plan.out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C', H', W')."""
        h = self.entry(x)
        shortcut = self.shortcut(h if self.shortcut_reads_entry else x)
        return self.out(self.sum(self.branch(h), shortcut, self.gate(x)))


class CoupledBlock(nn.Module):
    """A block of coupled halves: `y = (carried(x₂), drop(branch(x₂)) + shortcut(x₁))` (arXiv 1707.04585, equation 6).

    Where the two share the entry x₁, x₂ are the halves of `entry(x)`.
    """

    def __init__(self, plan: BlockPlan) -> None:
        super().__init__()
        self.is_reversible = plan.is_reversible
        self.entry = chain(plan.entry)
        self.branch = chain(plan.branch)
        self.drop = chain(()) if plan.drop_step is None else module_of(plan.drop_step.layer)
        self.shortcut = chain(plan.shortcut)
        self.carried = chain(plan.carried)
        self.sum = Add()
        self.out = Join()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C', H', W')."""
        first, second = self.entry(x).chunk(2, dim=1)
        shortcut = self.shortcut(first)
        residual = None if self.leaves_out() else self.drop(self.branch(second))
        return self.out(self.carried(second), self.sum(residual, shortcut))

    def leaves_out(self) -> bool:
        """Whether the draw of this step leaves the branch out for the whole batch."""
        return isinstance(self.drop, DropBranch) and self.drop.leaves_out()


class Join(nn.Module):
    """The channels of one behind those of the other."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Two of (N, C / 2, H, W) → (N, C, H, W)."""
        return torch.cat((first, second), dim=1)


class Add(nn.Module):
    """`f + s`, or s alone where the branch is left out."""

    def forward(self, branch: Tensor | None, shortcut: Tensor) -> Tensor:
        """Two of (N, C, H, W) → (N, C, H, W)."""
        return shortcut if branch is None else branch + shortcut


class ShortcutGatedAdd(nn.Module):
    """`f + (1 − σ(a)) s`."""

    def forward(self, branch: Tensor, shortcut: Tensor, gate: Tensor) -> Tensor:
        """Three of (N, C, H, W) → (N, C, H, W)."""
        return branch + torch.sigmoid(-gate) * shortcut


class ExclusiveAdd(nn.Module):
    """`σ(a) f + (1 − σ(a)) s`."""

    def forward(self, branch: Tensor, shortcut: Tensor, gate: Tensor) -> Tensor:
        """Three of (N, C, H, W) → (N, C, H, W)."""
        return torch.sigmoid(gate) * branch + torch.sigmoid(-gate) * shortcut
