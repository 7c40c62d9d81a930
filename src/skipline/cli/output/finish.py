"""How a finished run is told: its report written, its figures and its next command printed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from skipline.amount import counted, percent
from skipline.files import dump_json, write_whole
from skipline.report import run_report
from skipline.store import judge_of
from skipline.store.run_files import SPLIT
from skipline.train import Outcome, RunFolder, read_recipe


def finish(folder: RunFolder, outcome: Outcome, *, as_json: bool) -> None:
    """Write the run's report and print how it ended."""
    report = write_report(folder)
    if as_json:
        print(dump_json(outcome_document(folder, outcome)), end="")
        return
    judge = judge_of(folder.path)
    errors = f"{judge} error {percent(outcome.test_error)}, training error {percent(outcome.train_error)}"
    print(f"{errors} in the last epoch")
    num_epochs, planned = len(folder.read_metrics()), _planned_epochs(folder)
    if num_epochs < planned:
        print(
            f"ended after {num_epochs:,} of {counted(planned, 'epoch')}: {read_recipe(folder).patience:g} without a "
            f"lower {judge} error; the best is in checkpoints/best (--best)"
        )
    print(f"model   {folder.model}")
    print(f"report  {report}")


def _planned_epochs(folder: RunFolder) -> int:
    recipe, num_train = read_recipe(folder), folder.read(SPLIT)["num_train"]
    return math.ceil(recipe.num_steps(num_train) / recipe.steps_per_epoch(num_train))


def write_report(folder: RunFolder) -> Path:
    """Write the run's report; its path."""
    report = folder.report
    write_whole(report, run_report(folder.path))
    return report


def outcome_document(folder: RunFolder, outcome: Outcome) -> dict[str, Any]:
    """How the run ended, as a JSON object."""
    return {
        "format": "skipline.outcome",
        "version": 1,
        "run": str(folder.path),
        "step": outcome.step,
        "train_loss": outcome.train_loss,
        "train_error": outcome.train_error,
        "test_loss": outcome.test_loss,
        "test_error": outcome.test_error,
        "seconds": outcome.seconds,
        "report": str(folder.report),
    }
