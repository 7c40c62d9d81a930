"""Where a run, or a file, on the command line becomes a trained model's file."""

from __future__ import annotations

from pathlib import Path

from skipline.cli.exits import UsageError
from skipline.command import command


def is_model_file(run: Path) -> bool:
    """Whether `run` names a model's file, and not a run's folder."""
    return run.suffix == ".safetensors"


def model_file(run: Path, *, best: bool) -> Path:
    """The model of a run folder, of its last step or the `best`, or the file that `run` is itself.

    Raises `UsageError` where `best` is asked of a single file, and `RunError` where the run has not ended.
    """
    from skipline.train import RunError, open_run

    if is_model_file(run):
        if best:
            raise UsageError(
                f"--best chooses between the models of a run folder, and {run} is one model. Leave it out."
            )
        return run
    folder = open_run(run)
    path = folder.best_model if best else folder.model
    if not path.exists():
        raise RunError(
            f"{folder.path} has no {path.name} yet: it has not ended. Go on with: {command('resume', folder.path)}"
        )
    return path
