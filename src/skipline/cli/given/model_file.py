"""Where a run, or a file, on the command line becomes a trained model's file."""

from __future__ import annotations

from pathlib import Path

from skipline.cli.exits import UsageError


def is_model_file(run: Path) -> bool:
    """Whether `run` names a model's file, and not a run's folder."""
    return run.suffix == ".safetensors"


def model_file(run: Path, *, best: bool) -> Path:
    """The model of a run folder, of its last step or the `best`, or the file that `run` is itself.

    Raises `UsageError` where `best` is asked of a single file, and what `run_model` raises of a run.
    """
    from skipline.train import open_run
    from skipline.train.folder.salvage import run_model

    if is_model_file(run):
        if best:
            raise UsageError(
                f"--best chooses between the models of a run folder, and {run} is one model. Leave it out."
            )
        return run
    return run_model(open_run(run), best=best)
