"""Data parallelism, applied to a learner: each process computes its share of a batch, and gradients are added up."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from skipline.nn import ResidualNet
from skipline.train.processes.gradient_sum import GradientSum, Run
from skipline.train.processes.synchronised_norm import synchronised
from skipline.train.processes.team import ALONE, Team

if TYPE_CHECKING:  # importing it takes a second, which only those who share out parameters need
    from torch.distributed.fsdp import FSDPModule

BatchNormScope = Literal["per-process", "synchronised"]
BATCH_NORM_SCOPES: tuple[BatchNormScope, ...] = ("per-process", "synchronised")


@dataclass(frozen=True, slots=True)
class Engine:
    """How the processes of `team` make one step out of theirs; the default is one process, which changes nothing.

    `in_step` is the trained net as a step runs it, where that is not the net itself: the same tensors with synchronised
    norms. `statistics`: running statistics of norms that see the images of their own process; they are made the mean
    over the processes. `gradient_sum` (DDP) or `fsdp` is PyTorch's engine: parameters whole in every process, or shared
    out.
    """

    team: Team = ALONE
    in_step: ResidualNet | None = None
    statistics: tuple[Tensor, ...] = ()
    gradient_sum: GradientSum | None = None
    fsdp: FSDPModule | None = None

    @property
    def is_apart(self) -> bool:
        """Whether a process tells the others nothing within the passes of the next step, and so can end them alone."""
        return self.gradient_sum is not None and self.gradient_sum.is_late and self.in_step is None

    def passed(self, run: Run) -> Run:
        """`run`, whose gradients are added up over the processes."""
        return run if self.gradient_sum is None else self.gradient_sum.passed(run)

    def held(self, *, is_last: bool) -> AbstractContextManager[object]:
        """The context for one part of a batch: gradients travel with the last part alone."""
        if self.fsdp is not None:
            self.fsdp.set_requires_gradient_sync(is_last)
        return nullcontext() if self.gradient_sum is None else self.gradient_sum.held(is_last=is_last)

    def send(self) -> None:
        """Behind the last part's backward pass: add up the gradients that have not been sent with it."""
        if self.gradient_sum is not None:
            self.gradient_sum.send()

    def added_up(self, loss: Tensor, mistakes: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and mistakes of the whole batch from those of each share: scalars that stay on the device."""
        if self.team.is_alone:
            return loss, mistakes
        sums = self.team.sum(torch.stack([loss.double(), mistakes.double()]))
        return sums[0].to(loss.dtype), sums[1].to(mistakes.dtype)

    @torch.no_grad()
    def share_statistics(self) -> None:
        """Make the running statistics the mean over the processes: every one evaluates and saves the same net.

        Moving averages are linear, so this is the average of what the processes would have come to by themselves.
        """
        if self.statistics:
            means = self.team.sum(torch.cat(self.statistics)) / self.team.size
            own = means.split([len(statistic) for statistic in self.statistics])
            torch._foreach_copy_(self.statistics, own)  # pyright: ignore[reportPrivateImportUsage]


def engine_of(net: ResidualNet, team: Team, *, batch_norm: BatchNormScope) -> Engine:
    """The engine that trains `net` in `team`, with the weights of process 0 in every process.

    Running statistics are never sent with a forward pass: see `share_statistics`.
    """
    if team.is_alone:
        return Engine()
    is_synchronised = batch_norm == "synchronised"
    return Engine(
        team=team,
        in_step=synchronised(net) if is_synchronised else None,
        statistics=() if is_synchronised else statistics_of(net),
        gradient_sum=GradientSum(net),
    )


def statistics_of(net: ResidualNet) -> tuple[Tensor, ...]:
    """The running statistics of the batch norms that learn them, each (C,)."""
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d) and module.training]
    return tuple(buffer for norm in norms for buffer in norm.buffers())
