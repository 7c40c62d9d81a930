"""The training of one cell: a run like any other, and then a look at the whole training set."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from skipline.costs import cost
from skipline.data import Dataset
from skipline.evaluate import Evaluation, evaluate
from skipline.study.cell import Cell
from skipline.study.folder import write_result
from skipline.study.result import Result, epochs_of
from skipline.train import Diverged, Recipe, RunFolder, Snapshot, start, train
from skipline.train.deepening import network_in
from skipline.train.speed.precision import autocast, compute_dtype
from skipline.weights import load_model


@dataclass(frozen=True, slots=True)
class Running:
    """A cell that is being trained: where it stands, and its loss and errors; NaN: not measured yet."""

    epoch: int
    num_epochs: int
    step: int
    num_steps: int
    train_loss: float
    train_error: float
    test_error: float

    @property
    def fraction(self) -> float:
        """The share of its steps that are done."""
        return self.step / self.num_steps


def train_cell(
    cell: Cell,
    dataset: Dataset,
    *,
    run: RunFolder | None,
    root: Path,
    data_dir: Path,
    device: torch.device,
    config: str,
    show: Callable[[Running], None],
) -> Result:
    """Train `cell` in `run`, from its newest checkpoint, or in a new run folder under `root`; its result is kept there.

    A loss that is not finite is a result too. Raises `StorageError` where the folder cannot be written.
    """
    folder = run or start(cell.recipe, dataset, root=root, device=device, config=config, data_dir=data_dir)

    def show_snapshot(now: Snapshot) -> None:
        show(
            Running(
                epoch=now.epoch,
                num_epochs=now.num_epochs,
                step=now.step,
                num_steps=now.num_steps,
                train_loss=now.train_loss,
                train_error=now.train_error,
                test_error=now.test_error,
            )
        )

    try:
        outcome = train(cell.recipe, dataset, folder=folder, device=device, show=show_snapshot, should_stop=_never)
    except Diverged:
        result = _result(cell, dataset, folder, trained=None, test_error=math.nan)
    else:
        trained = _evaluate_training_set(cell.recipe, dataset, folder, device)
        result = _result(cell, dataset, folder, trained=trained, test_error=outcome.test_error)
    write_result(folder, result)
    return result


def _evaluate_training_set(recipe: Recipe, dataset: Dataset, folder: RunFolder, device: torch.device) -> Evaluation:
    """The saved net over all training images, as it is and not as it came to be, in the number format of training."""
    model = load_model(folder.model)
    return evaluate(
        model.net.to(device),
        dataset.train.to(device),
        preprocess=model.preprocess,
        num_classes=dataset.num_classes,
        batch_size=2 * recipe.batch_size,  # no activations are kept, so twice as many fit
        autocast=autocast(device, compute_dtype(recipe.precision, device)),
    )


def _result(
    cell: Cell, dataset: Dataset, folder: RunFolder, *, trained: Evaluation | None, test_error: float
) -> Result:
    metrics = folder.read_metrics()
    recipe = cell.recipe
    network = network_in(recipe.network, recipe.deepen, recipe.epochs)  # the one that it ended with
    return Result(
        unit=cell.unit,
        depth=cell.depth,
        seed=cell.seed,
        model=network.name,
        parameters=cost(network, image_size=dataset.image_size).parameters,
        seconds=float(metrics[-1]["seconds"]) if metrics else 0.0,
        status="done" if trained else "diverged",
        train_error=trained.error if trained else math.nan,
        train_loss=trained.loss if trained else math.nan,
        test_error=test_error,
        curve=epochs_of(metrics),
    )


def _never() -> bool:
    return False  # whoever stops a study ends its processes: all that is kept is on disk already
