"""What is left of a run one of whose files is lost or damaged: what else of it can be used, and by which command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skipline.command import command
from skipline.train.checkpoint import CheckpointError, read_progress
from skipline.train.run_folder import RunError, RunFileError, RunFolder
from skipline.weights import WeightsError, read_header
from skipline.weights.model_file import FORMAT, VERSION


def run_model(folder: RunFolder, *, best: bool) -> Path:
    """The file of the run's last model, or of its `best`.

    Raises `RunError` where the run has not come to one yet, and `RunFileError` where the file is lost or damaged, or
    what would lead to it is; either says what to do. Whether a file is whole is told by its header and its length.
    """
    path = folder.best_model if best else folder.model
    if path.exists():
        trouble = _trouble_with(path)
        if trouble:
            raise RunFileError(f"{trouble} {left_of(folder, path)}")
        return path
    if folder.is_done:
        raise RunFileError(f"{folder.path} has ended, and its {path.name} is not there. {left_of(folder, path)}")
    with saying_what_is_left(folder):
        if folder.checkpoint.exists():
            read_progress(folder.checkpoint)
    raise RunError(
        f"{folder.path} has no {path.name} yet: it has not ended. Go on with: {command('resume', folder.path)}"
    )


def has_model(folder: RunFolder) -> bool:
    """Whether the run's last model is there and whole."""
    return folder.model.exists() and not _trouble_with(folder.model)


@contextmanager
def saying_what_is_left(folder: RunFolder) -> Iterator[None]:
    """A checkpoint that cannot be used is a `RunFileError`, which says what else of the run in `folder` can."""
    try:
        yield
    except CheckpointError as error:
        raise RunFileError(f"{error} {left_of(folder, folder.checkpoint)}") from error


def left_of(folder: RunFolder, lost: Path) -> str:
    """What of the run can be used without its file `lost`, and the command that does, in a sentence."""
    if lost != folder.model and has_model(folder):
        return f"The run's last model is whole: {command('evaluate', folder.path)}"
    if lost != folder.checkpoint and _has_checkpoint(folder):
        return f"Its newest checkpoint is whole, and leads to the rest: {command('resume', folder.path)}"
    best = folder.best_model
    if lost != best and best.exists() and not _trouble_with(best):
        new = command("train", _source(folder), "--from", best)
        return f"Its best model so far is whole: {command('evaluate', folder.path, '--best')}, or, as a new run: {new}"
    return "Nothing else of the run can be used: train again with `skipline train`."


def _trouble_with(model: Path) -> str:
    """What is wrong with the file of a model; nothing where its header and its length are right."""
    try:
        read_header(model, kind=FORMAT, version=VERSION, remedy="")
    except WeightsError as error:
        return str(error)
    return ""


def _has_checkpoint(folder: RunFolder) -> bool:
    try:
        read_progress(folder.checkpoint)
    except CheckpointError:
        return False
    return True


def _source(folder: RunFolder) -> str:
    """What the run was trained on, as it was said."""
    return str(folder.read("resolved.json").get("source"))
