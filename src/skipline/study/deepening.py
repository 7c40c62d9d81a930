"""Trained shallow and then deepened against trained deep, and against shallow all the way, at equal compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import torch

from skipline.cost import cost
from skipline.data import Dataset
from skipline.grow import deeper
from skipline.study.error import StudyError
from skipline.train import Deepening, Recipe, Snapshot, start, train

Way = Literal["deep", "deepened", "shallow"]
WAYS: tuple[Way, ...] = get_args(Way)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepeningDesign:
    """`recipe`, whose network is the shallow one, against the same recipe `depth` layers deep for `epochs` epochs.

    The deepened net spends about `share` of the multiply-adds while it is shallow. Raises `StudyError` for a share that
    leaves one of the two nothing.
    """

    recipe: Recipe
    depth: int
    epochs: int
    share: float
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise StudyError(f"share is {self.share:g}; expected a part of the compute, between 0 and 1, e.g. 0.5.")
        if self.epochs < 2:
            raise StudyError(f"epochs is {self.epochs}; expected at least 2, so that one of them can be shared out.")
        if not self.seeds:
            raise StudyError("seeds is empty; a study needs at least one.")


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to spend the compute: `recipe` says all of it; `compute` is its multiply-adds over those of `deep`."""

    way: Way
    recipe: Recipe
    compute: float


@dataclass(frozen=True, slots=True)
class DeepeningResult:
    """How one contender ended: the last epoch's training figures, and the saved net's on the test set."""

    way: Way
    seed: int
    epochs: int
    compute: float
    train_loss: float
    train_error: float
    test_loss: float
    test_error: float


def contenders(design: DeepeningDesign, dataset: Dataset) -> tuple[Contender, ...]:
    """The ways of `design`, in the order of `WAYS`, each from the design's first seed.

    With m and M multiply-adds an image in the shallow and the deep network and E epochs of the deep one, the deepened
    net has E₂ = (1 − share) E epochs deep and E₁ = (E − E₂) M / m shallow ones before, the shallow one E M / m in all:
    whole epochs, so that `compute` is only about 1. An image's backward pass costs as many times its forward pass in
    all three.
    """
    shallow = design.recipe.network
    deep = deeper(shallow, design.depth)
    size = dataset.image_size
    ratio = cost(deep, image_size=size).macs / cost(shallow, image_size=size).macs
    deep_epochs = min(max(round((1 - design.share) * design.epochs), 1), design.epochs - 1)
    shallow_epochs = max(round((design.epochs - deep_epochs) * ratio), 1)
    alone = max(round(design.epochs * ratio), 1)
    base = replace(design.recipe, seed=design.seeds[0])
    recipes: dict[Way, tuple[Recipe, float]] = {
        "deep": (replace(base, network=deep, epochs=design.epochs), design.epochs),
        "deepened": (
            replace(
                base,
                epochs=shallow_epochs + deep_epochs,
                deepen=(Deepening(epoch=shallow_epochs, depth=design.depth),),
            ),
            deep_epochs + shallow_epochs / ratio,
        ),
        "shallow": (replace(base, epochs=alone), alone / ratio),
    }
    return tuple(Contender(way, recipes[way][0], recipes[way][1] / design.epochs) for way in WAYS)


def study_deepening(
    design: DeepeningDesign,
    dataset: Dataset,
    *,
    root: Path,
    data_dir: Path,
    device: torch.device,
    show: Callable[[DeepeningResult], None],
) -> tuple[DeepeningResult, ...]:
    """Train every contender from every seed, each in a run folder of its own under `root`, one after the other.

    `show` is called with each result as it comes. Raises `Diverged` where a loss is not finite, `StorageError` where
    `root` cannot be written.
    """
    results: list[DeepeningResult] = []
    for seed in design.seeds:
        for contender in contenders(design, dataset):
            recipe = replace(contender.recipe, seed=seed)
            folder = start(recipe, dataset, root=root, device=device, config="", data_dir=data_dir)
            outcome = train(recipe, dataset, folder=folder, device=device, show=_unseen, should_stop=_never)
            result = DeepeningResult(
                way=contender.way,
                seed=seed,
                epochs=recipe.epochs,
                compute=contender.compute,
                train_loss=outcome.train_loss,
                train_error=outcome.train_error,
                test_loss=outcome.test_loss,
                test_error=outcome.test_error,
            )
            results.append(result)
            show(result)
    return tuple(results)


def _unseen(snapshot: Snapshot) -> None:
    del snapshot


def _never() -> bool:
    return False
