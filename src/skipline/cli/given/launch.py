"""Several processes that a launcher such as torchrun has started to train one run: their team and their devices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from skipline.cli.exits import UsageError
from skipline.cli.given.device import device_of
from skipline.launcher import is_launched, local_rank
from skipline.train.processes.team import Team, joined

if TYPE_CHECKING:
    import torch


@contextmanager
def launched(name: str, *, said_by: str = "--device") -> Iterator[tuple[Team, torch.device]]:
    """This process's team and device, where `name` is what was asked for; alone, that device as it is.

    On CUDA process i of a machine has device i. Raises `UsageError` where there are fewer devices than processes, or
    `--device` names one device for all, and `LauncherError` where the process was not told which it is.
    """
    device = device_of(name, said_by=said_by)
    if is_launched() and device.type == "cuda":
        device = _own_device(device, is_said=said_by == "--device")
    with joined(device) as team:
        yield team, device


def _own_device(device: torch.device, *, is_said: bool) -> torch.device:
    import torch

    if is_said and device.index is not None:
        raise UsageError(
            f"--device is '{device}', and several processes would share it. Use --device cuda: each takes its own."
        )
    number, there_are = local_rank(), torch.cuda.device_count()
    if number >= there_are:
        raise UsageError(
            f"this is process {number} on its machine, counted from 0, and there are {there_are} CUDA devices. "
            f"Start {there_are} with --nproc-per-node {there_are}, or use --device cpu."
        )
    own = torch.device("cuda", number)
    torch.cuda.set_device(own)  # NCCL's and DDP's own streams are those of the current device
    return own
