"""Data parallelism, applied to a learner: each process computes its share of a batch, and gradients are added up."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from skipline.nn import ResidualNet
from skipline.train.synchronised_norm import synchronised
from skipline.train.team import ALONE, Team

if TYPE_CHECKING:  # importing it takes a second, which only those who share out parameters need
    from torch.distributed.fsdp import FSDPModule

BatchNormScope = Literal["per-process", "synchronised"]
BATCH_NORM_SCOPES: tuple[BatchNormScope, ...] = ("per-process", "synchronised")

Run = Callable[[Tensor], Tensor]
"""A net as a function of images (N, C, H, W)."""


@dataclass(frozen=True, slots=True)
class Engine:
    """How the processes of `team` make one step out of theirs; the default is one process, which changes nothing.

    `in_step` is the trained net as a step runs it, where that is not the net itself: the same tensors with synchronised
    norms. `statistics`: running statistics of norms that see the images of their own process; they are made the mean
    over the processes. `ddp` or `fsdp` is PyTorch's engine: parameters whole in every process, or shared out.
    """

    team: Team = ALONE
    in_step: ResidualNet | None = None
    statistics: tuple[Tensor, ...] = ()
    ddp: DistributedDataParallel | None = None
    fsdp: FSDPModule | None = None

    def passed(self, run: Run) -> Run:
        """`run`, whose gradients are added up over the processes."""
        ddp = self.ddp
        return run if ddp is None else lambda images: ddp(run, images)

    def held(self, *, is_last: bool) -> AbstractContextManager[object]:
        """The context for one part of a batch: gradients travel with the last part alone."""
        if self.fsdp is not None:
            self.fsdp.set_requires_gradient_sync(is_last)
        return nullcontext() if is_last or self.ddp is None else self.ddp.no_sync()

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


def engine_of(net: ResidualNet, team: Team, *, batch_norm: BatchNormScope, num_parts: int) -> Engine:
    """The engine that trains `net` in `team`, with the weights of process 0 in every process.

    DDP looks for parameters without a gradient only where stochastic depth leaves out whole branches. It may take every
    step for the same graph where that is so: without such branches, and with one part a batch. Running statistics are
    never sent with a forward pass: see `share_statistics`.
    """
    if team.is_alone:
        return Engine()
    depth = net.network.stochastic_depth
    leaves_out = depth.rate > 0 and depth.mode == "batch"
    ddp = DistributedDataParallel(
        _Pass(net),
        gradient_as_bucket_view=True,
        find_unused_parameters=leaves_out,
        static_graph=not leaves_out and num_parts == 1,
    )
    ddp.register_comm_hook(None, _sum)
    is_synchronised = batch_norm == "synchronised"
    return Engine(
        team=team,
        in_step=synchronised(net) if is_synchronised else None,
        statistics=() if is_synchronised else statistics_of(net),
        ddp=ddp,
    )


def statistics_of(net: ResidualNet) -> tuple[Tensor, ...]:
    """The running statistics of the batch norms that learn them, each (C,)."""
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d) and module.training]
    return tuple(buffer for norm in norms for buffer in norm.buffers())


class _Pass(nn.Module):
    """Holds the parameters whose gradients are added up, and runs whatever function of them a step is made with.

    It has no buffers: DDP would send those of process 0 with every forward pass, and the switch against it goes by one
    name before PyTorch 2.13 and by another from then on.
    """

    def __init__(self, net: ResidualNet) -> None:
        super().__init__()
        self.parameters_of_net = nn.ParameterList(net.parameters())

    def forward(self, run: Run, images: Tensor) -> Tensor:
        """Images (N, C, H, W) → logits (N, K)."""
        return run(images)


def _sum(_state, bucket):  # without types: DDP compares those that it finds, and here they are texts
    """The sum over the processes, where DDP's own would be the mean: a share's loss is divided by the whole batch."""
    work: Any = dist.all_reduce(bucket.buffer(), async_op=True)
    return work.get_future().then(lambda done: done.value()[0])
