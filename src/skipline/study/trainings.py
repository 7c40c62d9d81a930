"""All trainings of a study: those that have ended are kept, those that had begun go on, the others begin."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from skipline.costs import cost
from skipline.data import Dataset
from skipline.study.cell import Cell
from skipline.study.cores import CoreShare
from skipline.study.crew import Crew
from skipline.study.folder import StudyFolder, read_result
from skipline.study.images import Images
from skipline.study.result import Result
from skipline.study.training import Running
from skipline.study.worker import Errand, Order
from skipline.train import RunFolder, environment, recipe_to_json
from skipline.train.deepening import network_in

Show = Callable[[Cell, Running | Result], None]
"""What is told as cells go on and end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a study is made: the folder for its files, the one that holds data, the device, the share of the cores.

    `command` is what a person typed; it is kept with the results.
    """

    folder: StudyFolder
    data_dir: Path
    device: torch.device
    share: CoreShare
    command: str


@dataclass(frozen=True, slots=True)
class Trained:
    """What the cells gave, in their order, in `seconds` of everybody's time; `runs` are their folders."""

    results: dict[Cell, Result]
    runs: dict[Cell, RunFolder]
    seconds: float


def train_cells(cells: Sequence[Cell], dataset: Dataset, *, images: Images, place: Place, show: Show) -> Trained:
    """Train every one of `cells` on `dataset`, which is what `images` means, in processes side by side.

    Cells that ended in an earlier call with the same folder are not trained again, and those that had begun go on from
    their checkpoint. `show` is called as cells go on and end, with those that had ended first of all. A training that
    diverges is a result. Raises `StudyError` where the folder holds another study, `StorageError` where it cannot be
    written, `CellError` where a training breaks off. Whatever is raised, `KeyboardInterrupt` too, no process is left
    behind and what was trained is kept.

    Processes are started: a script that calls this must do so under `if __name__ == "__main__"`.
    """
    began = time.monotonic()
    fingerprint = dataset.fingerprint()
    runs = place.folder.find(cells, fingerprint=fingerprint)
    results = _ended(runs)
    seconds_before = sum(result.seconds for result in results.values()) / place.share.jobs
    for cell, result in results.items():
        show(cell, result)
    orders = [Order(cell, runs.get(cell)) for cell in _longest_first(cells, dataset) if cell not in results]
    with Crew(min(place.share.jobs, len(orders)), _errand(images, place)) as crew:
        for cell, state in crew.train(orders):
            show(cell, state)
            if isinstance(state, Result):
                results[cell] = state
    return Trained(
        results={cell: results[cell] for cell in cells},
        runs=place.folder.find(cells, fingerprint=fingerprint),
        seconds=seconds_before + time.monotonic() - began,
    )


def document_of(trained: Trained, dataset: Dataset, place: Place, *, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What every study writes down of its trainings, but for their results; `recipe` is what they share."""
    share = place.share
    return {
        "source": dataset.name,
        "num_train": len(dataset.train),
        "num_test": len(dataset.test),
        "num_classes": dataset.num_classes,
        "recipe": recipe,
        "environment": {**environment(place.device), "threads": share.threads, "jobs": share.jobs},
        "seconds": trained.seconds,
        "command": place.command,
    }


def shared_recipe(cells: Sequence[Cell], keys: Sequence[Callable[[Cell], str]]) -> dict[str, Any]:
    """What the cells' recipes share, but for their networks; every seed.

    A setting that they do not share is said by the first of `keys` that decides it, such as the cell's unit: what it
    is for each value of the key. The last key must decide everything.
    """
    recipes = {cell: recipe_to_json(cell.recipe) for cell in cells}
    shared: dict[str, Any] = {}
    for name in recipes[cells[0]]:
        if name == "network":
            continue
        if name == "seed":
            shared["seed"] = sorted({cell.seed for cell in cells})
            continue
        values = {cell: recipe[name] for cell, recipe in recipes.items()}
        shared[name] = _said_once(values, keys)
    return shared


def _said_once(values: Mapping[Cell, Any], keys: Sequence[Callable[[Cell], str]]) -> Any:
    first, *others = values.values()
    if all(value == first for value in others):
        return first
    grouped: dict[str, Any] = {}
    for key in keys:
        grouped = {key(cell): value for cell, value in values.items()}
        if all(grouped[key(cell)] == value for cell, value in values.items()):
            break
    return grouped


def _ended(runs: Mapping[Cell, RunFolder]) -> dict[Cell, Result]:
    results = {cell: read_result(run) for cell, run in runs.items()}
    return {cell: result for cell, result in results.items() if result is not None}


def _longest_first(cells: Sequence[Cell], dataset: Dataset) -> list[Cell]:
    """So that the processes end at about the same time: a long training that begins last is waited for alone.

    Of the equally long, all of one seed come before the next seed: so they are seen side by side.
    """

    def key(cell: Cell) -> tuple[int, int]:
        return -work_of(cell, num_train=len(dataset.train), image_size=dataset.image_size), cell.seed

    return sorted(cells, key=key)


def work_of(cell: Cell, *, num_train: int, image_size: int) -> int:
    """How long the training of `cell` takes, in no unit: multiply-adds of one image times steps times batch.

    Of a net that grows, the mean over the epochs.
    """
    recipe = cell.recipe
    starts = [0, *(entry.epoch for entry in recipe.deepen)]
    macs = 0
    for start, end in pairwise([*starts, recipe.epochs]):
        network = network_in(recipe.network, recipe.deepen, start)
        macs += (end - start) * cost(network, image_size=image_size).macs
    return macs * recipe.num_steps(num_train) * recipe.batch_size // recipe.epochs


def _errand(images: Images, place: Place) -> Errand:
    return Errand(
        images=images,
        data_dir=place.data_dir,
        root=place.folder.runs,
        device=str(place.device),
        threads=place.share.threads,
        config=f"# part of: {place.command}\n".replace("\n", " ").strip() + "\n",
    )
