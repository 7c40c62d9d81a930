"""A run of one process or of several that a launcher started: its one voice, and the run that a launch began."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from skipline.cli.output.run_table import RunTable, is_live
from skipline.cli.stop_request import StopRequest
from skipline.train import CutShort, Outcome, RunFolder, Snapshot, open_run
from skipline.train.processes.team import Team

LAUNCH = "launch.json"  # in the folder of a run that a launcher started: which launch it belongs to
_VERSION = 1

Show = Callable[[Snapshot], None]


class NotBegun(Exception):
    """The run was ended by hand while its folder was being made."""


def run_live(
    team: Team,
    *,
    begin: Callable[[], RunFolder],
    make_table: Callable[[RunFolder, Console, StopRequest], RunTable],
    train: Callable[[RunFolder, Show, StopRequest], Outcome],
) -> tuple[RunFolder, Outcome]:
    """Train in the folder that `begin` gives, with the live table, which the first process of the team has.

    All processes heed Ctrl-C, from before there is a folder. After the second one raises `CutShort` where there is one,
    and `NotBegun` where there is none.
    """
    console = Console(stderr=True)
    with StopRequest(is_told=team.leads) as stop:
        try:
            folder = begin()
        except KeyboardInterrupt:
            raise NotBegun(
                "ended before the run began: nothing was trained. Start it again with the same command."
            ) from None
        with _saying_how_to_go_on(folder):
            if not team.leads:
                return folder, train(folder, _show_nothing, stop)
            table = make_table(folder, console, stop)
            if is_live(console):
                stop.leave_word()
            with table:
                return folder, train(folder, table.show, stop)


@contextmanager
def _saying_how_to_go_on(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise CutShort(folder) from None


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
