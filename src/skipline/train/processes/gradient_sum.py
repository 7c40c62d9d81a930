"""The gradients of a net added up over the processes that train it, by PyTorch's DDP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from skipline.nn import ResidualNet

Run = Callable[[Tensor], Tensor]
"""A net as a function of images (N, C, H, W)."""


@dataclass(slots=True)
class _Outbox:
    """Whether gradients wait until the backward pass is over, and those that do: flat buffers that the net's are in."""

    is_late: bool
    waiting: list[Tensor] = field(default_factory=list)


class GradientSum:
    """A function of a net's parameters, whose gradients are the sums over the processes.

    They are sent while the backward pass goes on; or, where `is_late`, by `send`, to the same bits. Then nothing is
    sent within a pass: a process that cannot end its own, for want of memory, can still tell the others so. On a CPU
    they are always late, for sending and computing share its cores. Every process has the weights of process 0.
    """

    def __init__(self, net: ResidualNet) -> None:
        depth = net.network.stochastic_depth
        self._net = net
        self._leaves_out = depth.rate > 0 and depth.mode == "batch"
        self._outbox = _Outbox(not self._leaves_out and next(net.parameters()).device.type == "cpu")
        self._ddp = self._made()

    @property
    def is_late(self) -> bool:
        """Whether nothing is sent before `send`."""
        return self._outbox.is_late

    def be_late(self, wanted: bool) -> None:
        """Send the next step's gradients late, or as they come.

        Always so where whole branches are left out: DDP then asks within the backward pass who has used what.
        """
        self._outbox.is_late = wanted and not self._leaves_out

    def passed(self, run: Run) -> Run:
        """`run`, whose gradients are added up."""
        return lambda images: self._ddp(run, images)

    def held(self, *, is_last: bool) -> AbstractContextManager[object]:
        """The context for one part of a batch: gradients travel with the last part alone."""
        return nullcontext() if is_last else self._ddp.no_sync()

    def send(self) -> None:
        """Add up what waits; every process calls it behind its backward pass."""
        buffers, self._outbox.waiting = self._outbox.waiting, []
        for work in [dist.all_reduce(buffer, async_op=True) for buffer in buffers]:
            work.wait()  # pyright: ignore[reportOptionalMemberAccess]  # a process of the group: there is work

    def renew(self) -> None:
        """Begin anew, where a pass was not ended in some process; every process calls it."""
        self._ddp._remove_autograd_hooks()  # of a pass that was not ended they would go on with it
        self._outbox.waiting = []
        self._ddp = self._made()

    def _made(self) -> DistributedDataParallel:
        """DDP looks for parameters without a gradient only where stochastic depth leaves out whole branches.

        It is not told that every step has the same graph: it would then ask within the first backward pass, too.
        """
        ddp = DistributedDataParallel(
            _Pass(self._net), gradient_as_bucket_view=True, find_unused_parameters=self._leaves_out
        )
        ddp.register_comm_hook(self._outbox, _sum)
        return ddp


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


def _sum(outbox, bucket):  # without types: DDP compares those that it finds, and here they are texts
    """The sum over the processes, where DDP's own would be the mean: a share's loss is divided by the whole batch."""
    buffer = bucket.buffer()
    if outbox.is_late:
        outbox.waiting.append(buffer)
        now: Any = torch.futures.Future(devices=None if buffer.device.type == "cpu" else [buffer.device])
        now.set_result(buffer)
        return now
    work: Any = dist.all_reduce(buffer, async_op=True)
    return work.get_future().then(lambda done: done.value()[0])
