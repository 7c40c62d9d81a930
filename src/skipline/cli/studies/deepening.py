"""A study of deepening from the command line: made, shown while it is made, and told when it has ended."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from skipline.amount import counted
from skipline.cli.output.deepening_study_table import deepening_table
from skipline.cli.output.filled_text import filled
from skipline.cli.studies.conduct import Setting, place_for, stoppable
from skipline.data import Dataset
from skipline.files import dump_json, write_whole
from skipline.report import deepening_report
from skipline.study.deepening import DeepeningDesign, cells_of_deepening, contenders, study_deepening


def run_deepening_study(design: DeepeningDesign, dataset: Dataset, *, setting: Setting, as_json: bool) -> None:
    """Make `design` as `setting` says; print what was seen.

    Raises what `study_deepening` does, and `StudyInterrupted` after Ctrl-C.
    """
    cells = cells_of_deepening(design, dataset)  # before a folder is made: a depth that cannot be leaves none
    place = place_for("deepening", dataset.name, setting, num_cells=len(cells), image_size=dataset.image_size)
    console = Console(stderr=True)
    ways = "; ".join(
        f"{each.label}: {counted(each.recipe.epochs, 'epoch')}, compute {each.compute:.3f}"
        for each in contenders(design, dataset)
    )
    for line in (
        ways,
        f"{counted(len(dataset.train), 'training image')}, {counted(len(dataset.test), 'test image')}; "
        f"{counted(len(design.seeds), 'seed')}, {min(place.share.jobs, len(cells))} at a time\n",
    ):
        console.print(line, style="dim", highlight=False, markup=False, soft_wrap=not console.is_terminal)
    table = deepening_table(cells, dataset, console=console)
    with stoppable(place, setting, ended=lambda: table.told_ended), table:
        document = study_deepening(design, dataset, place=place, show=table.show)
    write_whole(place.folder.report, deepening_report(document, where=str(place.folder.document)))
    if as_json:
        print(dump_json(document), end="")
        return
    told = Console()
    if told.is_terminal:
        told.print()
        told.print(Text(filled(document["sentence"], told.width, indent=""), style="bold"), soft_wrap=True)
    else:
        print(document["sentence"])
    print(f"report  {place.folder.report}")
