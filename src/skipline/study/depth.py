"""The depth study: plain and residual networks over depths and seeds, trained side by side, then judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from skipline.cost import cost
from skipline.data import Dataset
from skipline.files import dump_json, write_whole
from skipline.study.cell import Cell
from skipline.study.claims import judge, summary
from skipline.study.cores import Share
from skipline.study.crew import Crew
from skipline.study.design import DepthDesign, cells_of
from skipline.study.folder import StudyFolder, read_result
from skipline.study.linear import ALPHAS, DEPTH, measure_linear
from skipline.study.result import Result
from skipline.study.training import Running
from skipline.study.worker import Errand, Order
from skipline.train import RunFolder, environment, recipe_to_json

FORMAT = "skipline.study.depth"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a study is made: the folder for its files, the one that holds data, the device, the share of the cores.

    `command` is what a person typed; it is kept with the results.
    """

    folder: StudyFolder
    data_dir: Path
    device: torch.device
    share: Share
    command: str


def study_depth(
    design: DepthDesign, dataset: Dataset, *, place: Place, show: Callable[[Cell, Running | Result], None]
) -> dict[str, Any]:
    """Train every cell of `design`, judge the claims, write `study.json` and return what is in it.

    Cells that ended in an earlier call with the same folder are not trained again, and those that had begun go on from
    their checkpoint. `show` is called as cells go on and end, with those that had ended first of all. A training that
    diverges is a result. Raises `SpecError` for a depth that the family has not, `StudyError` where the folder holds
    another study, `StorageError` where it cannot be written, `CellError` where a training breaks off. Whatever is
    raised, `KeyboardInterrupt` too, no process is left behind and what was trained is kept.

    Processes are started: a script that calls this must do so under `if __name__ == "__main__"`.
    """
    began = time.monotonic()
    cells = cells_of(design, dataset)
    runs = place.folder.find(cells, fingerprint=dataset.fingerprint())
    results = _ended(runs)
    seconds_before = sum(result.seconds for result in results.values()) / place.share.jobs
    for cell, result in results.items():
        show(cell, result)
    orders = [Order(cell, runs.get(cell)) for cell in _longest_first(cells, dataset) if cell not in results]
    with Crew(min(place.share.jobs, len(orders)), _errand(design, place)) as crew:
        for cell, state in crew.train(orders):
            show(cell, state)
            if isinstance(state, Result):
                results[cell] = state
    document = _document(cells, results, dataset, place, seconds=seconds_before + time.monotonic() - began)
    write_whole(place.folder.document, dump_json(document))
    return document


def _ended(runs: Mapping[Cell, RunFolder]) -> dict[Cell, Result]:
    results = {cell: read_result(run) for cell, run in runs.items()}
    return {cell: result for cell, result in results.items() if result is not None}


def _longest_first(cells: Sequence[Cell], dataset: Dataset) -> list[Cell]:
    """So that the processes end at about the same time: a long training that begins last is waited for alone.

    Of the equally long, all units of one seed come before the next seed: so they are seen side by side.
    """

    def key(cell: Cell) -> tuple[int, int]:
        return -cost(cell.recipe.network, image_size=dataset.image_size).macs * cell.recipe.epochs, cell.seed

    return sorted(cells, key=key)


def _errand(design: DepthDesign, place: Place) -> Errand:
    return Errand(
        source=design.source,
        data_dir=place.data_dir,
        root=place.folder.runs,
        device=str(place.device),
        threads=place.share.threads,
        config=f"# part of: {place.command}\n".replace("\n", " ").strip() + "\n",
    )


def _document(
    cells: Sequence[Cell], results: Mapping[Cell, Result], dataset: Dataset, place: Place, *, seconds: float
) -> dict[str, Any]:
    ordered = [results[cell] for cell in cells]
    claims = judge(ordered, num_classes=dataset.num_classes)
    share = place.share
    return {
        "format": FORMAT,
        "version": VERSION,
        "source": dataset.name,
        "num_train": len(dataset.train),
        "num_test": len(dataset.test),
        "num_classes": dataset.num_classes,
        "recipe": _common_recipe(cells),
        "environment": {**environment(place.device), "threads": share.threads, "jobs": share.jobs},
        "seconds": seconds,
        "command": place.command,
        "cells": [result.to_json() for result in ordered],
        "linear": [measure_linear(alpha, depth=DEPTH).to_json() for alpha in ALPHAS],
        "claims": [claim.to_json() for claim in claims],
        "sentence": summary(ordered, claims),
    }


def _common_recipe(cells: Sequence[Cell]) -> dict[str, Any]:
    """What the cells' recipes share; for a setting that they do not, what it is for each unit or each model."""
    recipes = {cell: recipe_to_json(cell.recipe) for cell in cells}
    shared: dict[str, Any] = {}
    for name in recipes[cells[0]]:
        if name == "network":
            continue
        if name == "seed":
            shared["seed"] = sorted({cell.seed for cell in cells})
            continue
        values = {cell: recipe[name] for cell, recipe in recipes.items()}
        for key in (lambda _: "", lambda cell: cell.unit, lambda cell: cell.recipe.network.name):
            grouped = {key(cell): value for cell, value in values.items()}
            if all(grouped[key(cell)] == value for cell, value in values.items()):
                break
        shared[name] = grouped.get("", grouped)
    return shared
