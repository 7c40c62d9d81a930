"""The calibration: every cell of a grid trained for real, each at the first rate at which it trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from skipline.data import Augment, Dataset
from skipline.files import dump_json, read_number, storage_error, write_whole
from skipline.study.calibrated import Attempt, Calibrated, calibrated_to_json
from skipline.study.cell import Cell
from skipline.study.confusion import Judge, confusion_of
from skipline.study.folder import StudyFolder, steps_taken
from skipline.study.grid import BATCH, GRID_RATES, GridCell, Learning
from skipline.study.trainability import RULE, trainability_of
from skipline.study.trainings import Place, Show, Trained, document_of, shared_recipe, train_cells
from skipline.train import PRESETS, Recipe

FORMAT = "skipline.study.calibration"
VERSION = 1

Watch = Callable[[Sequence[Cell], Dataset], AbstractContextManager[Show]]
"""How the trainings of one pass are shown while they go on."""


def calibrate(
    cells: Sequence[GridCell],
    datasets: Mapping[str, Dataset],
    *,
    place: Place,
    judges: Mapping[str, Judge],
    watch: Watch,
) -> dict[str, Any]:
    """Train `cells` at the first of `GRID_RATES`, those that did not train at the next, and so on; write `study.json`.

    `datasets` has the images of each source; the folder holds one study for each and each rate. What an earlier call
    trained is not trained again. Each of `judges` is confronted with what came out. Raises what `train_cells` raises.
    """
    attempts: dict[GridCell, list[Attempt]] = {cell: [] for cell in cells}
    seconds, documents = 0.0, {}
    for learning in dict.fromkeys(cell.learning for cell in cells):
        source = learning.images.source
        here = [cell for cell in cells if cell.learning == learning]
        for rate in GRID_RATES:
            within = replace(place, folder=_folder_of_pass(place.folder, source, rate))
            asked = {_training(cell, rate): cell for cell in here if not _trains(attempts[cell])}
            if not asked:
                break
            with watch(tuple(asked), datasets[source]) as show:
                trained = train_cells(tuple(asked), datasets[source], images=learning.images, place=within, show=show)
            seconds += trained.seconds
            documents.setdefault(source, _shared(trained, datasets[source], within, learning))
            for training, cell in asked.items():
                attempts[cell].append(_attempt(training, trained, num_classes=datasets[source].num_classes))
    calibrated = tuple(Calibrated(cell, tuple(tried)) for cell, tried in attempts.items())
    document = {
        "format": FORMAT,
        "version": VERSION,
        "rule": RULE,
        "rates": list(GRID_RATES),
        "images": list(documents.values()),
        "seconds": seconds,
        "command": place.command,
        "cells": [calibrated_to_json(each) for each in calibrated],
        "judged": [confusion_of(calibrated, judge).to_json(name) for name, judge in judges.items()],
    }
    write_whole(place.folder.document, dump_json(document))
    return document


def recipe_of(cell: GridCell, rate: float) -> Recipe:
    """How a cell is trained: like `quick`, in small batches and fp32, on images as they are, for its part's steps."""
    steps = cell.learning.steps
    quick = PRESETS["quick"](cell.network, cell.learning.images.source)
    return replace(
        quick,
        init=cell.init,
        epochs=steps,  # more than enough: the steps decide
        most_steps=steps,
        batch_size=BATCH,
        optimiser=replace(quick.optimiser, learning_rate=rate),
        augment=Augment(),
        precision="fp32",
        loss_every=steps,
    )


def _folder_of_pass(folder: StudyFolder, source: str, rate: float) -> StudyFolder:
    """A study of its own for a source and a rate, as a folder holds the trainings of one study only."""
    of_pass = StudyFolder(folder.runs / f"{source}-{rate:g}")
    try:
        of_pass.runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(of_pass.path, error) from error
    return of_pass


def _training(cell: GridCell, rate: float) -> Cell:
    net = cell.net
    return Cell(f"{cell.title} at rate {rate:g}", net.unit, net.depth, 0, recipe_of(cell, rate))


def _trains(attempts: Sequence[Attempt]) -> bool:
    return any(attempt.trainability == "trains" for attempt in attempts)


def _shared(trained: Trained, dataset: Dataset, place: Place, learning: Learning) -> dict[str, Any]:
    recipe = shared_recipe(tuple(trained.results), [lambda cell: cell.recipe.init])
    del recipe["init"]
    return {**document_of(trained, dataset, place, recipe=recipe), "steps": learning.steps}


def _attempt(training: Cell, trained: Trained, *, num_classes: int) -> Attempt:
    result, run = trained.results[training], trained.runs[training]
    return Attempt(
        learning_rate=training.recipe.optimiser.learning_rate,
        trainability=trainability_of(result.train_error, num_classes=num_classes),
        num_steps=steps_taken(run),
        start_loss=read_number(run.read_losses()[0]["loss"]),
        train_loss=result.train_loss,
        train_error=result.train_error,
        test_error=result.test_error,
        seconds=result.seconds,
    )
