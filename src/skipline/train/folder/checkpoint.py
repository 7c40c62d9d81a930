"""Checkpoints: one file with all that a run needs to go on as if it had never stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from skipline.train.codec import recipe_from_json, recipe_to_json
from skipline.train.folder.run_folder import RunFileError
from skipline.train.learner import Learner
from skipline.train.optimiser import expected_tensors, optimiser_tensors, restore_optimiser
from skipline.train.processes.sharding import whole
from skipline.train.progress import Progress, progress_from_json
from skipline.train.recipe import Recipe
from skipline.weights import WeightsError, misfits, read_header, read_versioned, write_tensors

Read = TypeVar("Read")

FORMAT = "skipline.checkpoint"
VERSION = 1


class CheckpointError(RunFileError):
    """A checkpoint that cannot be used; the message names it and says why; `saying_what_is_left` adds what else is."""


def save_checkpoint(path: Path, learner: Learner, progress: Progress, recipe: Recipe) -> None:
    """Write everything to `path`, whole or not at all; raises `StorageError`, and then the old file is still there.

    Every process of a team calls it: what is shared out is put together, and the first one writes.
    """
    header = {
        "format": FORMAT,
        "version": VERSION,
        "progress": progress.to_json(),
        "recipe": recipe_to_json(recipe),
    }
    of_optimiser = _of_optimiser(optimiser_tensors(learner.net, learner.optimiser))
    tensors = whole(learner.engine, {**_net_tensors(learner), **of_optimiser})
    if learner.engine.team.leads:
        write_tensors(path, tensors, header)


def read_progress(path: Path) -> Progress:
    """How far the run had come whose checkpoint is in `path`; raises `CheckpointError` where it cannot be read."""
    return _progress_in(_read(path, read_header), path)


def read_settings(path: Path) -> Recipe:
    """The recipe that `path` was written with; raises `CheckpointError` where it cannot be read."""
    return _recipe_in(_read(path, read_header), path)


def restore_checkpoint(path: Path, learner: Learner, recipe: Recipe) -> Progress:
    """Bring `learner` to the state in `path` and return how far it had come.

    Raises `CheckpointError` where the file cannot be read, is of another recipe than `recipe`, or a tensor of the net,
    the average or the optimiser is missing, unknown or of another shape or dtype; `learner` is then unchanged.
    """
    header, tensors = _read(path, read_versioned)
    progress = _progress_in(header, path)
    if _recipe_in(header, path) != recipe:
        raise CheckpointError(
            f"{path} was written with another recipe than resolved.json beside it. Restore resolved.json, or start a "
            "new run: skipline train"
        )
    expected = _net_tensors(learner)
    if progress.step > 0:  # before its first step an optimiser has no state
        expected |= _of_optimiser(expected_tensors(learner.net, recipe.optimiser))
    wrong = misfits(tensors, expected)
    if wrong:
        raise CheckpointError(f"{path} does not fit its recipe: {wrong}.")
    learner.net.load_state_dict(_within(tensors, "net/"))
    if learner.average is not None:
        learner.average.net.load_state_dict(_within(tensors, "average/"))
    for name, tensor in _within(tensors, "start/").items():
        learner.start[name].copy_(tensor)
    restore_optimiser(learner.net, learner.optimiser, _within(tensors, "optimiser/"))
    return progress


def _read(path: Path, read: Callable[..., Read]) -> Read:
    """What `read_versioned` or `read_header` reads of the checkpoint in `path`."""
    try:
        return read(path, kind=FORMAT, version=VERSION, remedy="")
    except WeightsError as error:
        raise CheckpointError(f"the checkpoint cannot be read: {error}") from error


def _progress_in(header: Mapping[str, Any], path: Path) -> Progress:
    try:
        return progress_from_json(header["progress"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {str(error).rstrip('.')}.") from error


def _recipe_in(header: Mapping[str, Any], path: Path) -> Recipe:
    try:
        return recipe_from_json(header["recipe"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {str(error).rstrip('.')}.") from error


def _net_tensors(learner: Learner) -> dict[str, Tensor]:
    tensors = {f"net/{name}": tensor for name, tensor in learner.net.state_dict().items()}
    if learner.average is not None:
        tensors |= {f"average/{name}": tensor for name, tensor in learner.average.net.state_dict().items()}
    return tensors | {f"start/{name}": tensor for name, tensor in learner.start.items()}


def _of_optimiser(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"optimiser/{name}": tensor for name, tensor in tensors.items()}


def _within(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
