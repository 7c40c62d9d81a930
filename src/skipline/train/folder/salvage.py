"""What is left of a run one of whose files is lost or damaged: what else of it can be used, and by which command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skipline.command import command
from skipline.data import DataError
from skipline.data.photos.classes import load_classes
from skipline.evaluate.predictions import load_predictions
from skipline.files import write_whole
from skipline.init import InitError
from skipline.spec import SpecError
from skipline.store.run_files import SETTINGS
from skipline.train.codec import recipe_from_json, recipe_to_json
from skipline.train.error import RecipeError
from skipline.train.folder.checkpoint import CheckpointError, read_progress, read_settings
from skipline.train.folder.lock import locked
from skipline.train.folder.run_folder import RunError, RunFileError, RunFolder
from skipline.train.recipe import Recipe
from skipline.weights import WeightsError, read_header
from skipline.weights.model_file import FORMAT, VERSION

UNKNOWN_SOURCE = "SOURCE"  # a word to be replaced, in a command


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
        f"{folder.path} has no {path.name} yet: it has not ended. Continue with: {command('resume', folder.path)}"
    )


def has_model(folder: RunFolder) -> bool:
    """Whether the run's last model is there and whole."""
    return folder.model.exists() and not _trouble_with(folder.model)


def read_recipe(folder: RunFolder) -> Recipe:
    """The recipe of the run in `folder`; where it is damaged, `RunFileError` says what else leads to it."""
    try:
        return _settings_in(folder)
    except RunFileError as error:
        raise RunFileError(f"{error} {left_of(folder, folder.path / SETTINGS)}") from error


def restore_settings(folder: RunFolder) -> str:
    """Write settings that can no longer be read again, from the newest checkpoint, which holds the same.

    But for `kernels`: there it has those that were chosen.

    For one process: several would write over each other.
    Returns a sentence that says so; nothing where the settings are whole, or no checkpoint has them.
    """
    try:
        _settings_in(folder)
    except RunFileError as error:
        try:
            recipe = read_settings(folder.checkpoint)
        except CheckpointError:
            return ""
        damaged = folder.path / f"{SETTINGS}.damaged"
        with locked(folder):
            write_whole(damaged, (folder.path / SETTINGS).read_bytes())
            folder.write(SETTINGS, recipe_to_json(recipe))
        return f"{error} It is written again from {folder.checkpoint}; what was there is kept as {damaged.name}."
    return ""


def _settings_in(folder: RunFolder) -> Recipe:
    try:
        return recipe_from_json(folder.read(SETTINGS))
    except (RecipeError, SpecError, InitError) as error:
        raise RunFileError(f"{folder.path / SETTINGS} is no longer a valid recipe: {error}") from error


@contextmanager
def saying_what_is_left(folder: RunFolder) -> Iterator[None]:
    """A checkpoint that cannot be used is a `RunFileError`, which says what else of the run in `folder` can."""
    try:
        yield
    except CheckpointError as error:
        raise RunFileError(f"{error} {left_of(folder, folder.checkpoint)}") from error


def unshown_damage(folder: RunFolder) -> Iterator[str]:
    """What is wrong with those files of the run that its page does not draw, and what else can be used, one by one."""
    try:
        if folder.is_done or folder.model.exists():
            run_model(folder, best=False)
    except RunFileError as error:
        yield str(error)
    try:
        if folder.checkpoint.exists():
            with saying_what_is_left(folder):
                read_progress(folder.checkpoint)
    except RunFileError as error:
        yield str(error)
    try:
        if folder.evaluation.exists() or folder.predictions.exists():
            load_predictions(folder.predictions)
    except WeightsError as error:
        yield str(error)
    try:
        load_classes(folder.classes)
    except DataError as error:
        yield f"{str(error).rstrip('.')}. Without it the run can be neither evaluated nor resumed."


def left_of(folder: RunFolder, lost: Path) -> str:
    """What of the run can be used without its file `lost`, and the command that does, in a sentence."""
    settings = folder.path / SETTINGS
    if lost == settings and _has_checkpoint(folder):
        return f"Its newest checkpoint holds the same settings and puts them back: {command('resume', folder.path)}"
    if lost == settings and has_model(folder):
        evaluated = command("evaluate", folder.model, UNKNOWN_SOURCE)
        return f"The run's last model is whole; with its data as SOURCE: {evaluated}"
    if lost != folder.model and has_model(folder):
        return f"The run's last model is whole: {command('evaluate', folder.path)}"
    if lost != folder.checkpoint and _has_checkpoint(folder):
        return f"Its newest checkpoint is whole, and leads to the rest: {command('resume', folder.path)}"
    best = folder.best_model
    if lost != best and best.exists() and not _trouble_with(best):
        source = _source(folder)
        new = command("train", source, "--from", best)
        judged = (best, source) if source == UNKNOWN_SOURCE else (folder.path, "--best")
        return f"Its best model so far is whole: {command('evaluate', *judged)}, or, as a new run: {new}"
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
    """What the run was trained on, as it was said; a word to be replaced where its settings do not say."""
    try:
        return _settings_in(folder).source
    except RunFileError:
        return UNKNOWN_SOURCE
