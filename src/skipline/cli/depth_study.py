"""A depth study from the command line: made, shown while it is made, and told when it has ended."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
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
    num_seeds = len(design.seeds)
    console.print(
        f"{len(dataset.train):,} images to learn from and {len(dataset.test):,} new ones to be tested on; "
        f"{cells[0].recipe.epochs} epochs, {num_seeds} {'seed' if num_seeds == 1 else 'seeds'}, "
        f"{min(share.jobs, len(cells))} trainings at a time",
        style="dim",
        highlight=False,
        soft_wrap=not console.is_terminal,
    )
    console.print(f"folder {folder.path}\n", style="dim", highlight=False, markup=False, soft_wrap=True)
    table = StudyTable(cells, console=console, image_size=dataset.image_size)
    try:
        with _terminated_as_interrupted(), table:
            document = study_depth(design, dataset, place=place, show=table.show)
    except KeyboardInterrupt:
        raise StudyInterrupted(_how_to_go_on(folder, table.num_ended, len(cells))) from None
    write_whole(folder.report, depth_report(document, where=str(folder.document)))
    if as_json:
        print(dump_json(document), end="")
    else:
        _tell(document, folder)


def _tell(document: dict[str, Any], folder: StudyFolder) -> None:
    console = Console()
    if console.is_terminal:
        claims = Table.grid(padding=(0, 1))
        for claim in document["claims"]:
            mark, colour = _MARKS[claim["verdict"]]
            claims.add_row(Text(mark, style=f"bold {colour}"), Text(claim["sentence"]))
        console.print()
        console.print(claims)
        console.print()
        console.print(Text(document["sentence"], style="bold"))
        console.print()
    else:
        for claim in document["claims"]:
            print(f"{claim['verdict']}: {claim['sentence']}")
        print(document["sentence"])
    print(f"report  {folder.report}")


def _command() -> str:
    return shlex.join(["skipline", *sys.argv[1:]]).replace("\n", " ")


def _how_to_go_on(folder: StudyFolder, num_ended: int, num_cells: int) -> str:
    typed = sys.argv[1:]
    if "--resume" in typed:
        again = _command()
    else:
        again = f"{_command()} --resume {shlex.quote(str(folder.path))}"
    return f"stopped; {num_ended} of {num_cells} trainings have ended and are kept. Go on with: {again}"


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
