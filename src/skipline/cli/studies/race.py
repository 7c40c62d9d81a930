"""A race from the command line: made, shown while it is made, and told when it has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from skipline.amount import counted
from skipline.cli.output.filled_text import filled
from skipline.cli.output.race_table import race_table
from skipline.cli.studies.conduct import Setting, place_for, stoppable
from skipline.data import Dataset
from skipline.files import dump_json, write_whole
from skipline.report import race_report
from skipline.study import RaceDesign, StudyFolder, study_race
from skipline.study.cell import Cell
from skipline.study.net_design import NetDesign
from skipline.study.race import LeftOut, cells_of_race
from skipline.study.trainability import LEAST_STEPS

_MARKS = {"trains": ("✓", "green"), "degrades": ("~", "yellow"), "undecided": ("?", "yellow"), "fails": ("✗", "red")}


def run_race(
    design: RaceDesign, dataset: Dataset, *, left_out: Sequence[LeftOut], setting: Setting, as_json: bool
) -> None:
    """Make `design` as `setting` says; print who trained and who did not.

    Raises what `study_race` does, and `StudyInterrupted` after Ctrl-C.
    """
    cells = cells_of_race(design, dataset)  # before a folder is made: what cannot be leaves none
    place = place_for("race", dataset.name, setting, num_cells=len(cells), image_size=dataset.image_size)
    console = Console(stderr=True)
    for line in (*_facts(design, cells, dataset, jobs=min(place.share.jobs, len(cells))), *map(_reason, left_out)):
        console.print(line, style="dim", highlight=False, markup=False, soft_wrap=not console.is_terminal)
    for line in _too_short(cells[0].recipe.num_steps(len(dataset.train))):
        console.print(line, style="yellow", highlight=False, markup=False, soft_wrap=not console.is_terminal)
    console.print()
    table = race_table(cells, dataset, console=console)
    with stoppable(place, setting, ended=lambda: table.told_ended), table:
        document = study_race(design, dataset, left_out=left_out, place=place, show=table.show)
    write_whole(place.folder.report, race_report(document, where=str(place.folder.document)))
    if as_json:
        print(dump_json(document), end="")
    else:
        _tell(document, place.folder)


def _facts(design: RaceDesign, cells: Sequence[Cell], dataset: Dataset, *, jobs: int) -> tuple[str, str]:
    recipe = cells[0].recipe
    rates = ", ".join(f"{rate:g}" for rate in design.rates)
    told = f"learning rate {rates} for all" if len(design.rates) == 1 else f"each with the best of the rates {rates}"
    return (
        f"{recipe.network.name}: {_blocks(design.net)}",
        f"{counted(len(dataset.train), 'training image')}; "
        f"{counted(recipe.num_steps(len(dataset.train)), 'step')} of "
        f"{recipe.batch_size}, {told}; {counted(len(design.seeds), 'seed')}, {jobs} at a time",
    )


def _too_short(num_steps: int) -> Iterator[str]:
    """Before anything is trained: that the race will hardly be decided."""
    if num_steps < LEAST_STEPS:
        yield (
            f"{counted(num_steps, 'step')} are too few for a verdict: initialisers that neither trained nor diverged "
            f"by then count as undecided. From {LEAST_STEPS} steps on they are decided: --steps {LEAST_STEPS}"
        )


def _blocks(net: NetDesign) -> str:
    *others, last = net.num_blocks
    if set(others) <= {last}:
        stages = ("its one stage", "each of its two stages", "each of its three stages")[len(others)]
        return f"{net.depth} layers, {counted(last, 'block')} in {stages}"
    each = f"{', '.join(map(str, others))} and {last}"
    return f"exactly {net.depth} layers, so its stages are not equal: {each} blocks"


def _reason(left_out: LeftOut) -> str:
    return f"{left_out.init} is left out, as it cannot initialise this net: {left_out.reason}"


def _tell(document: dict[str, Any], folder: StudyFolder) -> None:
    console = Console()
    if console.is_terminal:
        console.print()
        for word, (mark, colour) in _MARKS.items():
            names = [each["init"] for each in document["standings"] if each["trainability"] == word]
            if names:
                lines = filled(f"{word}: {', '.join(names)}", console.width, indent="  ")
                console.print(Text.assemble((mark, f"bold {colour}"), lines[len(mark) :]), soft_wrap=True)
        console.print()
        console.print(Text(filled(document["sentence"], console.width, indent=""), style="bold"), soft_wrap=True)
    else:
        print(document["sentence"])
    print(f"report  {folder.report}")
