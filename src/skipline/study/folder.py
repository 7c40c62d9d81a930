"""A study on disk: a folder with a run folder for each cell, and at the end what they add up to."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from skipline.files import make_folder
from skipline.store.run_files import CONFIG, FAILURE, SETTINGS, SPLIT
from skipline.study.cell import Cell
from skipline.study.error import StudyError, StudyFolderError
from skipline.study.result import FORMAT, VERSION, Result, result_from_json
from skipline.train import RunFileError, RunFolder, read_recipe

RESULT = "cell.json"


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """A study at `path`: `runs/` with a run folder for each cell, `study.json` and `report.html`."""

    path: Path

    @property
    def runs(self) -> Path:
        """The folder of run folders."""
        return self.path / "runs"

    @property
    def document(self) -> Path:
        """The study as JSON, once all cells are done."""
        return self.path / "study.json"

    @property
    def report(self) -> Path:
        """The study drawn."""
        return self.path / "report.html"

    def find(self, cells: Iterable[Cell], *, fingerprint: str) -> dict[Cell, RunFolder]:
        """The run of each cell that has one here, begun or done: the run with the very same recipe.

        Raises `StudyError` where such a run was trained on other data (`fingerprint` is that of the data now), and
        where there are runs but none of these cells.
        """
        by_recipe = {cell.recipe: cell for cell in cells}
        found: dict[Cell, RunFolder] = {}
        runs = [RunFolder(path.parent) for path in sorted(self.runs.glob(f"*/{SETTINGS}"))]
        for run in runs:
            cell = by_recipe.get(read_recipe(run))
            if cell is None:
                continue
            if run.read(SPLIT).get("sha256") != fingerprint:
                raise StudyError(
                    f"{run.path} was trained on other data than {cell.recipe.source} holds now. Pass --data with the "
                    "folder that held them, or start a new study without --resume."
                )
            found[cell] = run
        if runs and not found:
            raise StudyError(
                f"{self.path} holds another study: none of its {len(runs)} trainings has the settings asked for now. "
                f"Give the flags it was begun with, which stand in {runs[0].path / CONFIG}."
            )
        return found


def create_study(root: Path, kind: str, name: str) -> StudyFolder:
    """A new, empty study `root/<UTC>-<kind>-<name>-<4 hex>/`; raises `StorageError` where `root` cannot be written."""
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)[:60]
    folder = StudyFolder(root / f"{moment}-{kind}-{safe}-{secrets.token_hex(2)}")
    make_folder(folder.runs)
    return folder


def open_study(path: Path) -> StudyFolder:
    """The study at `path`; raises `StudyFolderError` where there is none."""
    folder = StudyFolder(path)
    if not folder.runs.is_dir():
        raise StudyFolderError(f"{path} is not the folder of a study: it has no folder runs/ in it.")
    return folder


def steps_taken(run: RunFolder) -> int:
    """How many steps of a run that has ended had a finite loss: all, or those before it diverged."""
    return int(run.read(FAILURE)["step"]) if run.has_failed else int(run.read_metrics()[-1]["step"])


def write_result(run: RunFolder, result: Result) -> None:
    """Keep what a cell gave, in its run folder."""
    run.write(RESULT, {"format": FORMAT, "version": VERSION, **result.to_json()})


def read_result(run: RunFolder) -> Result | None:
    """What the cell in `run` gave; None where it has not ended yet. Raises `RunFileError` where the file is broken."""
    if not (run.path / RESULT).exists():
        return None
    entry = run.read(RESULT)
    found = (entry.get("format"), entry.get("version"))
    if found != (FORMAT, VERSION):
        raise RunFileError(
            f"{run.path / RESULT} is {found[0]!r} version {found[1]!r}; expected {FORMAT!r} version {VERSION}. "
            "Delete the file; it will be written again."
        )
    try:
        return result_from_json(entry)
    except (KeyError, TypeError, ValueError) as error:
        raise RunFileError(
            f"{run.path / RESULT} is broken ({type(error).__name__}: {error}). Delete it; it will be written again."
        ) from error
