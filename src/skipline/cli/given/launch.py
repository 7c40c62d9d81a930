"""Several processes that a launcher such as torchrun has started to train one run: their devices, their one voice."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from skipline.cli.exits import UsageError
from skipline.cli.given.device import device_of
from skipline.cli.output.run_table import RunTable
from skipline.cli.stop_request import StopRequest
from skipline.launcher import is_launched, local_rank
from skipline.train import Outcome, RunFolder, Snapshot, open_run
from skipline.train.processes.team import Team, joined

if TYPE_CHECKING:
    import torch

LAUNCH = "launch.json"  # in the folder of a run that a launcher started: which launch it belongs to
_VERSION = 1

Show = Callable[[Snapshot], None]


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


def run_live(team: Team, make_table: Callable[[], RunTable], train: Callable[[Show, StopRequest], Outcome]) -> Outcome:
    """Train with the live table, which the first process of the team has; all of them heed Ctrl-C."""
    if team.leads:
        with StopRequest() as stop, make_table() as table:
            return train(table.show, stop)
    with StopRequest(is_told=False) as stop:
        return train(_show_nothing, stop)


def _show_nothing(snapshot: Snapshot) -> None:
    del snapshot


def begun(team: Team, begin: Callable[[], RunFolder]) -> RunFolder:
    """The folder that the first process begins, for all; it notes there which launch it belongs to."""
    path = ""
    if team.leads:
        folder = begin()
        if "TORCHELASTIC_RUN_ID" in os.environ:
            folder.write(LAUNCH, {"format": "skipline.launch", "version": _VERSION, "launch": _launch()})
        path = str(folder.path)
    return RunFolder(Path(team.from_leader(path)))


def begun_before(team: Team, out: Path) -> RunFolder | None:
    """The newest run that this launch began before its processes were started again; None where there is none.

    torchrun starts every process again with the same command when one is lost (`--max-restarts`).
    """
    path = ""
    if team.leads and int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0:
        notes = sorted(out.glob(f"*/{LAUNCH}"), reverse=True)  # names begin with the time
        path = next((str(note.parent) for note in notes if _launch_in(note) == _launch()), "")
    path = team.from_leader(path)
    return open_run(Path(path)) if path else None


def _launch() -> str:
    """What tells this launch from all others: its own name where it has one, else the launcher's process."""
    name = os.environ.get("TORCHELASTIC_RUN_ID", "")
    return name if name not in ("", "none") else f"{socket.gethostname()} {os.getppid()}"


def _launch_in(note: Path) -> str:
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["launch"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
