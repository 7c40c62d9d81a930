"""A depth study from the command line: made, shown while it is made, and told when it has ended."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from skipline.amount import counted
from skipline.cli.output.depth_study_table import depth_table
from skipline.cli.output.filled_text import filled
from skipline.cli.studies.conduct import Setting, place_for, stoppable
from skipline.data import Dataset
from skipline.files import dump_json, write_whole
from skipline.report import depth_report
from skipline.study import DepthDesign, StudyFolder, study_depth
from skipline.study.design import cells_of

_MARKS = {"holds": ("✓", "green"), "does not hold": ("✗", "red"), "undecided": ("?", "yellow")}


def run_depth_study(design: DepthDesign, dataset: Dataset, *, setting: Setting, as_json: bool) -> None:
    """Make `design` as `setting` says; print what was seen.

    Raises what `study_depth` does, and `StudyInterrupted` after Ctrl-C.
    """
    cells = cells_of(design, dataset)  # before a folder is made: a depth that does not exist leaves none
    place = place_for("depth", dataset.name, setting, num_cells=len(cells), image_size=dataset.image_size)
    console = Console(stderr=True)
    console.print(
        f"{counted(len(dataset.train), 'training image')}, {counted(len(dataset.test), 'test image')}; "
        f"{counted(cells[0].recipe.epochs, 'epoch')}, {counted(len(design.seeds), 'seed')}, "
        f"{min(place.share.jobs, len(cells))} at a time\n",
        style="dim",
        highlight=False,
        soft_wrap=not console.is_terminal,
    )
    table = depth_table(cells, dataset, console=console)
    with stoppable(place, setting, ended=lambda: table.told_ended), table:
        document = study_depth(design, dataset, place=place, show=table.show)
    write_whole(place.folder.report, depth_report(document, where=str(place.folder.document)))
    if as_json:
        print(dump_json(document), end="")
    else:
        _tell(document, place.folder)


def _tell(document: dict[str, Any], folder: StudyFolder) -> None:
    console = Console()
    if console.is_terminal:
        console.print()
        for claim in document["claims"]:
            mark, colour = _MARKS[claim["verdict"]]
            lines = filled(claim["sentence"], console.width, indent="  ")
            console.print(Text.assemble((mark, f"bold {colour}"), lines[len(mark) :]), soft_wrap=True)
        console.print()
        console.print(Text(filled(document["sentence"], console.width, indent=""), style="bold"), soft_wrap=True)
    else:
        for claim in document["claims"]:
            print(f"{claim['verdict']}: {claim['sentence']}")
        print(document["sentence"])
    print(f"report  {folder.report}")
