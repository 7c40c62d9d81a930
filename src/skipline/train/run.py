"""Runs on disk: start one from a recipe, or go on with one from its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from skipline.data import Dataset, fit_preprocess, load
from skipline.train.codec import recipe_from_json, recipe_to_json
from skipline.train.environment import environment
from skipline.train.loop import train
from skipline.train.outcome import Outcome, Snapshot
from skipline.train.recipe import Recipe
from skipline.train.run_folder import RunError, RunFolder, create_run


def start(recipe: Recipe, dataset: Dataset, *, root: Path, device: torch.device, config: str) -> RunFolder:
    """A new run folder under `root` with everything but weights in it; `config` is the settings' text as given.

    Raises `StorageError` where `root` cannot be written.
    """
    return create_run(
        root,
        f"{dataset.name}-{recipe.network.name}",
        {
            "config.toml": config,
            "resolved.json": recipe_to_json(recipe),
            "environment.json": {**environment(device), "seed": recipe.seed},
            "classes.json": {"format": "skipline.classes", "version": 1, "classes": list(dataset.class_names)},
            "split.json": _split(dataset),
            "preprocess.json": fit_preprocess(dataset.train).to_json(),
        },
    )


def resume(
    folder: RunFolder,
    *,
    data_dir: Path,
    device: torch.device,
    show: Callable[[Snapshot], None],
    should_stop: Callable[[], bool],
) -> Outcome:
    """Go on with the run in `folder` from its newest checkpoint, to the same bits as if it had never stopped.

    Raises `RunError` where the run is done or has diverged, or its data are no longer the same, `DataError` where they
    cannot be read, and what `train` raises.
    """
    if folder.is_done:
        raise RunError(f"{folder.path} is done already. Evaluate it with: skipline evaluate {folder.path} SOURCE")
    if folder.has_failed:
        failure = folder.read("FAILED.json")
        raise RunError(
            f"{folder.path} diverged after {failure.get('step')} steps at {failure.get('site')}, and from its "
            "checkpoint it would do so again. Train again with other settings, e.g. a lower learning rate "
            "(skipline train --lr). To see it happen again, remove its FAILED.json first."
        )
    recipe = recipe_from_json(folder.read("resolved.json"))
    dataset = load(recipe.source, data_dir=data_dir)
    expected, found = folder.read("split.json"), _split(dataset)
    if expected != found:
        raise RunError(
            f"{folder.path} was trained on other data: its fingerprint is {str(expected.get('sha256'))[:12]}, that of "
            f"{recipe.source} is now {str(found['sha256'])[:12]}. Pass --data with the folder that held them, or train "
            "again."
        )
    return train(recipe, dataset, folder=folder, device=device, show=show, should_stop=should_stop)


def _split(dataset: Dataset) -> dict[str, Any]:
    return {
        "format": "skipline.split",
        "version": 1,
        "name": dataset.name,
        "num_train": len(dataset.train),
        "num_test": len(dataset.test),
        "sha256": dataset.fingerprint(),
    }
