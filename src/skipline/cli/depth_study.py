"""A depth study from the command line: made, shown while it is made, and told when it has ended."""

from __future__ import annotations

import shlex
import signal
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from rich.console import Console
from rich.text import Text

from skipline.cli.study_table import StudyTable
from skipline.data import Dataset
from skipline.files import dump_json, write_whole
from skipline.report import depth_report
from skipline.study import (
    DepthDesign,
    Place,
    StudyFolder,
    available_cores,
    cells_of,
    create_study,
    open_study,
    share_of,
    share_out,
    study_depth,
)

_MARKS = {"holds": ("✓", "green"), "does not hold": ("✗", "red"), "undecided": ("?", "yellow")}


class StudyInterrupted(Exception):
    """The study was stopped by hand; the message says what is kept and how to go on."""


def run_depth_study(
    design: DepthDesign,
    dataset: Dataset,
    *,
    out: Path,
    resume: Path | None,
    data_dir: Path,
    device: torch.device,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Make `design` in a new folder under `out`, or in the folder `resume`; print what was seen.

    Raises what `study_depth` does, and `StudyInterrupted` after Ctrl-C.
    """
    cells = cells_of(design, dataset)  # before a folder is made: a depth that does not exist leaves none
    folder = open_study(resume) if resume else create_study(out, dataset.name)
    cores = available_cores()
    share = (
        share_out(cores, jobs=jobs)
        if jobs
        else share_of(cores, num_cells=len(cells), image_size=dataset.image_size, on_cpu=device.type == "cpu")
    )
    place = Place(folder=folder, data_dir=data_dir, device=device, share=share, command=_command())
    console = Console(stderr=True)
    console.print(
        f"{len(dataset.train):,} images to learn from, {len(dataset.test):,} new ones; "
        f"{_counted(cells[0].recipe.epochs, 'epoch')}, {_counted(len(design.seeds), 'seed')}, "
        f"{min(share.jobs, len(cells))} at a time\n",
        style="dim",
        highlight=False,
        soft_wrap=not console.is_terminal,
    )
    table = StudyTable(cells, console=console, image_size=dataset.image_size)
    try:
        with _terminated_as_interrupted(), _one_thread(), table:
            document = study_depth(design, dataset, place=place, show=table.show)
    except KeyboardInterrupt:
        again = place.command if resume else f"{place.command} --resume {shlex.quote(str(folder.path))}"
        raise StudyInterrupted(
            f"stopped; {table.num_ended} of {len(cells)} trainings have ended and are kept. Go on with: {again}"
        ) from None
    write_whole(folder.report, depth_report(document, where=str(folder.document)))
    if as_json:
        print(dump_json(document), end="")
    else:
        _tell(document, folder)


def _tell(document: dict[str, Any], folder: StudyFolder) -> None:
    console = Console()
    if console.is_terminal:
        console.print()
        for claim in document["claims"]:
            mark, colour = _MARKS[claim["verdict"]]
            lines = _filled(claim["sentence"], console.width, indent="  ")
            console.print(Text.assemble((mark, f"bold {colour}"), lines[len(mark) :]), soft_wrap=True)
        console.print()
        console.print(Text(_filled(document["sentence"], console.width, indent=""), style="bold"), soft_wrap=True)
    else:
        for claim in document["claims"]:
            print(f"{claim['verdict']}: {claim['sentence']}")
        print(document["sentence"])
    print(f"report  {folder.report}")


def _filled(text: str, width: int, *, indent: str) -> str:
    """`text` in lines of fewer than `width` columns, no number at the end of one and its % at the start of the next."""
    bound = text.replace(" %", "\N{NO-BREAK SPACE}%")
    return textwrap.fill(bound, width - 1, initial_indent=indent, subsequent_indent=indent)


def _counted(num: int, noun: str) -> str:
    return f"{num} {noun}" if num == 1 else f"{num} {noun}s"


def _command() -> str:
    return shlex.join(["skipline", *sys.argv[1:]]).replace("\n", " ")


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """What `kill` and job systems send is taken for Ctrl-C: the processes end and the cursor comes back."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The work is done in other processes: more threads here would only take their time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
