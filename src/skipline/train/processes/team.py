"""The team: the processes that train one run together, and what they tell one another."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from skipline.data import Share
from skipline.launcher import is_launched, require_told
from skipline.train.memory.out_of_memory import is_out_of_memory

Said = TypeVar("Said")

# How long a process waits for the others; PyTorch's own value for gloo. An evaluation is shared out, so nobody is alone
# for long but while the first one writes a checkpoint.
_PATIENCE = datetime.timedelta(minutes=30)
_LOST = (
    *("Connection closed by peer", "Connection reset by peer", "Connection refused", "Broken pipe"),
    *("Timed out waiting", "waiting for clients", "wait timeout", "remote process exiting"),
)
"""What PyTorch's messages have in them where another process is gone or too late: gloo's errors have no class of their
own, and NCCL's class is also that of its own faults, an exhausted device or an interface that is not there."""


class TeamError(RuntimeError):
    """The processes of a run cannot go on together; the message says what to look at."""


@dataclass(frozen=True, slots=True)
class Team:
    """Process number `rank` of the `size` that train one run; the default is one process that needs no other.

    Process 0 leads: it alone writes to the run folder and shows anything. Every process calls these methods at the same
    points of a run; with one process they give back what they are given, and nothing waits.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_alone(self) -> bool:
        """Whether one process trains the run."""
        return self.size == 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and shows."""
        return self.rank == 0

    @property
    def share(self) -> Share:
        """Which images of every batch this process computes."""
        return Share(self.rank, self.size)

    def sum(self, numbers: Tensor) -> Tensor:
        """The sum over the processes, the same bits in each; `numbers`, on the run's device or the CPU, holds it."""
        if not self.is_alone:
            dist.all_reduce(numbers)
        return numbers

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Each flag: whether any process has it. It goes by way of the CPU, so that no device is waited for."""
        if self.is_alone:
            return flags
        raised = torch.tensor(flags, dtype=torch.uint8)
        dist.all_reduce(raised, dist.ReduceOp.MAX)
        return tuple(map(bool, raised.tolist()))

    def gather(self, said: Said) -> list[Said]:
        """What every process says, by rank; `said` is plain data."""
        if self.is_alone:
            return [said]
        heard: list[Said] = [said] * self.size
        dist.all_gather_object(heard, said)
        return heard

    def from_leader(self, said: Said) -> Said:
        """What process 0 says, whatever the others do."""
        return self.gather(said)[0]

    def require_same_step(self, step: int, place: str) -> None:
        """Raise `TeamError` unless every process has taken the run up at `step`."""
        steps = self.gather(step)
        other = next((rank for rank, found in enumerate(steps) if found != steps[0]), 0)
        if other:
            raise TeamError(
                f"process 0 has taken up {place} after step {steps[0]} and process {other} after step {steps[other]}: "
                "they do not see the same checkpoint. Put the run folder where every machine sees it, under the same "
                "path."
            )


ALONE = Team()


@contextmanager
def joined(device: torch.device) -> Iterator[Team]:
    """The team of this process for as long as the block lasts, as the launcher's environment describes it.

    gloo for tensors on the CPU, NCCL for those on a CUDA device. A block that ends well leaves the group. One that
    fails does not, for that waits, now and then, for a process that is gone, and the error is to be told first; the
    next `joined` of this process does. Raises `LauncherError` where the environment does not say enough, and
    `TeamError` where another process is lost, whose own words are then the cause, and where this one cannot reach any.
    """
    if not is_launched():
        yield ALONE
        return
    require_told()
    try:
        _join(device)
        yield Team(dist.get_rank(), dist.get_world_size())
    except RuntimeError as error:
        told = explained(error)
        if told is None:
            raise
        raise told from error
    dist.destroy_process_group()


def _join(device: torch.device) -> None:
    """Become one of the group, at a meeting place of this start of the processes, and of this time that they meet.

    A launcher that starts lost processes again may keep the place (torchrun does), and with it the addresses of those
    that are gone: where one of them is read before it is written anew, gloo knocks at a door behind which nobody is. So
    it is with the addresses of a group that was left.
    """
    if dist.is_initialized():
        dist.destroy_process_group()
    store, rank, size = next(rendezvous("env://", timeout=_PATIENCE))
    start = f"skipline start {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    meeting = store.add(f"{start}, meetings of process {rank}", 1)
    own = dist.PrefixStore(f"{start}, meeting {meeting}", store)  # pyright: ignore[reportPrivateImportUsage]
    if device.type == "cuda":
        backend = "cpu:gloo,cuda:nccl"
        dist.init_process_group(backend, store=own, rank=rank, world_size=size, timeout=_PATIENCE, device_id=device)
    else:
        dist.init_process_group("gloo", store=own, rank=rank, world_size=size, timeout=_PATIENCE)


def explained(error: RuntimeError) -> TeamError | None:
    """What an error of PyTorch's means for the run, in words that end with PyTorch's own; None where it is no such.

    That another process is gone is told from a fault of this one, such as a network interface that is not there: of
    that nobody else would speak. A lack of memory is neither, though NCCL may be who says it.
    """
    if is_out_of_memory(error):
        return None
    said = f"PyTorch says: {_short(error)}"
    if is_lost(error):
        return TeamError(
            "another process of this run has ended or cannot be reached, and without it the step cannot be made. What "
            "it said itself, above or in its own log, is the cause. The newest checkpoint is intact: go on from it "
            f"with the same launcher and `-m skipline resume RUN`. {said}"
        )
    if isinstance(error, dist.DistError) or "gloo" in str(error):
        return TeamError(
            "this process cannot communicate with the others, and the fault is on its side: its network interface "
            "(GLOO_SOCKET_IFNAME and NCCL_SOCKET_IFNAME choose one) or its address (MASTER_ADDR, MASTER_PORT). "
            f"NCCL_DEBUG=INFO tells more. {said}"
        )
    return None


def is_lost(error: RuntimeError) -> bool:
    """Whether `error` is what PyTorch raises where another process of the group is gone or too late."""
    return isinstance(error, dist.DistNetworkError) or any(word in str(error) for word in _LOST)


def _short(error: RuntimeError) -> str:
    """The first line of a message, and NCCL's last error, which stands lines below it."""
    first, _, rest = str(error).strip().partition("\n")
    last = rest.partition("Last error:")[2].strip().partition("\n")[0]
    return f"{first} {last}".strip()
