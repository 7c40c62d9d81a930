"""Runs on disk: start one from a recipe, or go on with one from its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from skipline.command import command
from skipline.cores import available_cores
from skipline.data import DataError, Dataset, load, place_of, source_names
from skipline.data.document import RESTORE
from skipline.data.photos.cache_place import PhotoCache
from skipline.data.photos.classes import Classes, load_classes
from skipline.data.photos.framing import Framing
from skipline.data.photos.photo_dataset import same_photo_dataset
from skipline.data.photos.run_set import read_preprocess
from skipline.data.photos.split import FORMAT, VERSION, load_split
from skipline.store.run_files import CLASSES, CONFIG, ENVIRONMENT, FAILURE, PREPROCESS, SETTINGS, SPLIT
from skipline.train.codec import recipe_to_json
from skipline.train.fine_tuning import write_start
from skipline.train.folder.checkpoint import read_progress
from skipline.train.folder.lock import locked
from skipline.train.folder.run_folder import RunError, RunFileError, RunFolder, create_run
from skipline.train.folder.salvage import has_model, left_of, read_recipe, saying_what_is_left
from skipline.train.folder.setup import differences, run_environment
from skipline.train.loop import train
from skipline.train.outcome import Outcome, Snapshot
from skipline.train.processes.team import ALONE, Team
from skipline.train.recipe import Recipe


def start(
    recipe: Recipe,
    dataset: Dataset,
    *,
    root: Path,
    device: torch.device,
    config: str,
    data_dir: Path,
    processes: int = 1,
) -> RunFolder:
    """A new run folder under `root` with everything but weights in it, for that many `processes` to train.

    `config` is the settings' text as given, and `data_dir` the folder that a named `recipe.source` was loaded from;
    `resume` looks for it there. Raises `StorageError` where `root` cannot be written, and `WeightsError` where the file
    that the recipe starts from does not fit.
    """
    place = place_of(recipe.source, data_dir)
    files = first_files(
        recipe, dataset, config=config, environment=run_environment(recipe, device, data=place, processes=processes)
    )
    return create_run(root, f"{dataset.name}-{recipe.network.name}", files, fill=partial(_add_start, recipe=recipe))


def first_files(
    recipe: Recipe, dataset: Dataset, *, config: str, environment: Mapping[str, Any]
) -> dict[str, Mapping[str, Any] | str]:
    """What a run folder holds before the first step, by file name; `config` and `environment` as they are written."""
    return {
        CONFIG: config,
        SETTINGS: recipe_to_json(recipe),
        ENVIRONMENT: environment,
        CLASSES: Classes(dataset.class_names).to_json(),
        SPLIT: split_document(dataset),
        PREPROCESS: dataset.preprocess().to_json(),
    }


def _add_start(folder: RunFolder, recipe: Recipe) -> None:
    if recipe.start_from:
        write_start(folder.start, recipe)


def resume(
    folder: RunFolder,
    *,
    data: Path,
    device: torch.device,
    anyway: bool = False,
    show: Callable[[Snapshot], None],
    should_stop: Callable[[], bool],
    team: Team = ALONE,
    cache: PhotoCache | None = None,
) -> Outcome:
    """Go on with the run in `folder` from its newest checkpoint, to the same bits as if it had never stopped.

    `data` is where they lie now: the folder with the named data set, or the path that the run is on (`setup_of` says
    where they were). With `anyway` the run goes on where the bits will be others, e.g. on another processor, and
    `environment.json` says from then on where it is, and under `earlier` where it was. Another number of processes than
    before is such a difference: sums are then taken in another order. `team` as for `train`; `cache`: where photos are
    kept. Raises `RunError` where the run is done or has diverged, its data are no longer the same or, without `anyway`,
    its surroundings; `DataError` where the data cannot be read, and what `train` raises.
    """
    require_open(folder)
    recipe = read_recipe(folder)
    recorded = folder.read(ENVIRONMENT)
    if recorded.get("kernels") == "plain" and recipe.kernels == "auto":
        recipe = replace(recipe, kernels="plain")  # a compiler that has been installed since changes nothing
    now = run_environment(recipe, device, data=data.absolute(), processes=team.size)
    changed = differences(recorded, now)
    if changed and not anyway:
        were = ", ".join(f"{name} {was!r} (now {now[name]!r})" for name, was in changed.items())
        raise RunError(
            f"{folder.path} would no longer give the same bits. It was started with {were}. Resume it there, or "
            f"accept different bits here: {command('resume', folder.path, '--anyway')}"
        )
    dataset = load_again(folder, recipe, data, cache=cache)
    team.gather(None)  # nobody writes before everybody has read
    if team.leads and (changed or recorded.get("data") != now["data"]):
        earlier = [*recorded.get("earlier", []), *([changed] if changed else [])]
        with locked(folder):
            folder.write(ENVIRONMENT, {**now, "earlier": earlier} if earlier else now)
    return train(recipe, dataset, folder=folder, device=device, show=show, should_stop=should_stop, team=team)


def require_open(folder: RunFolder) -> None:
    """Refuse a run with which nobody can go on: it is done, has diverged, or has lost its checkpoint.

    One that has ended and lost its model is open: its checkpoint leads to it again.
    """
    if folder.is_done and has_model(folder):
        again = command("train", read_recipe(folder).source, "--from", folder.path)
        raise RunError(
            f"{folder.path} is already finished: all its epochs are trained. To start a new run from its weights: "
            f"{again}. Evaluate it with: {command('evaluate', folder.path)}"
        )
    if folder.has_failed:
        failure = folder.read(FAILURE)
        raise RunError(
            f"{folder.path} diverged after step {failure.get('step')} at {failure.get('site')}, and from its "
            "checkpoint it would do so again. Train again with other settings, e.g. a lower learning rate "
            "(skipline train --lr). To see it happen again, remove its FAILED.json first."
        )
    # One evaluation is there before the first checkpoint; a run killed between the two begins again.
    is_begun = len(folder.read_metrics()) > 1 or folder.is_grown  # grown from another: never anew
    if is_begun and not folder.checkpoint.exists():
        raise RunFileError(
            f"{folder.path} has no checkpoint ({folder.checkpoint} is not there), so it cannot be resumed. "
            f"{left_of(folder, folder.checkpoint)}"
        )
    if folder.checkpoint.exists():
        with saying_what_is_left(folder):
            read_progress(folder.checkpoint)


_CHANGED = "It was changed, or written by another skipline: put it back, or train again with `skipline train`."


def load_again(folder: RunFolder, recipe: Recipe, data: Path, *, cache: PhotoCache | None = None) -> Dataset:
    """The data of the run, the same as when it was begun: images, split, classes and preprocessing."""
    source = recipe.source if recipe.source in source_names() else str(data)
    try:
        framing = read_preprocess(folder.preprocess).framing  # how photos are framed; None of other images
    except DataError as error:
        is_unreadable = isinstance(error.__cause__, OSError)
        raise RunFileError(f"{error} {RESTORE if is_unreadable else _CHANGED}") from error
    try:
        dataset = _photos_again(folder, framing, data, cache) if framing else load(source, data_dir=data)
    except DataError as error:
        raise DataError(f"{error} If they have moved, give their current place: --data PATH") from error
    expected, found = folder.read(SPLIT), split_document(dataset)
    if expected != found:
        raise RunFileError(
            f"{folder.path} was trained on other data: its fingerprint is {str(expected.get('sha256'))[:12]}, that of "
            f"{source} is now {str(found['sha256'])[:12]}. Pass --data with their current place, or train again."
        )
    written = {
        CLASSES: Classes(dataset.class_names).to_json(),
        PREPROCESS: dataset.preprocess().to_json(),
    }
    for name, document in written.items():
        if folder.read(name) != document:
            raise RunFileError(f"{folder.path / name} is not what the run's data give. {_CHANGED}")
    return dataset


def _photos_again(folder: RunFolder, framing: Framing, data: Path, cache: PhotoCache | None) -> Dataset:
    """The photos that the run's manifest names, below the folder `data` or beside the table `data`."""
    return same_photo_dataset(
        load_split(folder.split),
        load_classes(folder.classes).names,
        framing,
        root=data.parent if data.is_file() else data,
        num_processes=available_cores(),
        show=_show_nothing,
        cache=cache,
    )


def _show_nothing(done: int, num: int) -> None:
    del done, num


def split_document(dataset: Dataset) -> dict[str, Any]:
    """What the data were, as `split.json` holds it: of photos, which they are too."""
    photos = {"format": FORMAT, "version": VERSION} if dataset.split is None else dataset.split.to_json()
    return {
        **photos,
        "name": dataset.name,
        "num_train": len(dataset.train),
        "num_test": len(dataset.test),
        "sha256": dataset.fingerprint(),
    }
