"""The calibration grid from the command line: trained, shown, judged, and told as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from skipline.cli.output.calibration_table import calibration_table
from skipline.cli.output.live_study import LiveStudy
from skipline.cli.studies.conduct import Setting, place_for, stoppable
from skipline.data import Dataset
from skipline.files import dump_json, write_whole
from skipline.report import calibration_markdown, calibration_report
from skipline.signal.verdict import VERDICTS
from skipline.study import StudyFolder, calibrate
from skipline.study.cell import Cell
from skipline.study.confusion import Judge
from skipline.study.grid import GRID_RATES, LEARNING, GridCell
from skipline.study.trainings import Show

TABLES = "tables.md"


def run_calibration(cells: Sequence[GridCell], *, judges: Mapping[str, Judge], setting: Setting, as_json: bool) -> None:
    """Train `cells`, hold `judges` to what comes out, and leave a report and the same tables as Markdown.

    Raises what `calibrate` does, `DataError` where images are missing, and `StudyInterrupted` after Ctrl-C.
    """
    datasets = _datasets(cells, setting.data_dir)  # before a folder is made: what is missing leaves none
    smallest = min(dataset.image_size for dataset in datasets.values())
    place = place_for("calibration", "grid", setting, num_cells=len(cells), image_size=smallest)
    # Whatever --jobs is: nets as small as these lose by a second thread, on a busy machine tenfold (docs/log.md).
    place = replace(place, share=replace(place.share, threads=1))
    console = Console(stderr=True)
    rates = ", ".join(f"{rate:g}" for rate in GRID_RATES)
    console.print(
        f"{len(cells)} cells, each at the first of the rates {rates} at which it trains; {place.share.jobs} at a time",
        style="dim",
        highlight=False,
        soft_wrap=not console.is_terminal,
    )
    tables: list[LiveStudy] = []

    @contextmanager
    def watch(trainings: Sequence[Cell], dataset: Dataset) -> Iterator[Show]:
        console.print()
        tables.append(calibration_table(trainings, dataset, console=console))
        with tables[-1]:
            yield tables[-1].show

    with stoppable(place, setting, ended=lambda: tables[-1].told_ended if tables else "no training has ended"):
        document = calibrate(cells, datasets, place=place, judges=judges, watch=watch)
    where = str(place.folder.document)
    write_whole(place.folder.report, calibration_report(document, where=where))
    write_whole(place.folder.path / TABLES, calibration_markdown(document, where=where))
    if as_json:
        print(dump_json(document), end="")
    else:
        _tell(document, place.folder)


def _datasets(cells: Sequence[GridCell], data_dir: Path) -> dict[str, Dataset]:
    asked = {cell.learning for cell in cells}
    return {each.images.source: each.images.load(data_dir) for each in LEARNING if each in asked}


def _tell(document: Mapping[str, Any], folder: StudyFolder) -> None:
    words = Counter(each["trainability"] for each in document["cells"])
    num = len(document["cells"])
    print(f"{num} cells: " + ", ".join(f"{words[word]} {word}" for word in VERDICTS))
    for judged in document["judged"]:
        right, known = (round(judged[key] * num) for key in ("agreement", "agreement_on_training"))
        print(f"{judged['judge']}: right for {right} of {num} nets; whether they train or not, for {known}")
    print(f"tables  {folder.path / TABLES}")
    print(f"report  {folder.report}")
