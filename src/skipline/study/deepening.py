"""Trained shallow and then deepened against trained deep, and against shallow all the way, at equal compute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from skipline.amount import counted, percent
from skipline.costs import cost
from skipline.data import Dataset
from skipline.files import dump_json, write_whole
from skipline.grow import deeper
from skipline.spec import Network
from skipline.study.cell import Cell
from skipline.study.design import require_each_once
from skipline.study.error import StudyError
from skipline.study.family import Unit
from skipline.study.images import Images
from skipline.study.result import Result
from skipline.study.trainings import Place, Show, document_of, shared_recipe, train_cells
from skipline.train import Deepening, Recipe

FORMAT = "skipline.study.deepening"
VERSION = 1

Way = Literal["deep", "deepened", "shallow"]
WAYS: tuple[Way, ...] = get_args(Way)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepeningDesign:
    """`recipe`, whose network is the shallow one, against the same recipe `depth` layers deep for `epochs` epochs.

    The deepened net spends about `share` of the multiply-adds while it is shallow. Raises `StudyError` for a share that
    leaves one of the two nothing, and for a seed that is missing or there twice.
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
        require_each_once("seeds", self.seeds)


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to spend the compute: `recipe` says all of it.

    `spent[e]` is its multiply-adds after e epochs over those of the deep net in all; the last is about 1.
    """

    way: Way
    label: str
    recipe: Recipe
    spent: tuple[float, ...]

    @property
    def compute(self) -> float:
        """What it spends in all."""
        return self.spent[-1]


def contenders(design: DeepeningDesign, dataset: Dataset) -> tuple[Contender, ...]:
    """The ways of `design`, in the order of `WAYS`, each from the design's first seed.

    With m and M multiply-adds an image in the shallow and the deep network and E epochs of the deep one, the deepened
    net has E₂ = (1 − share) E epochs deep and E₁ = (E − E₂) M / m shallow ones before, the shallow one E M / m in all:
    whole epochs, so that `compute` is only about 1. An image's backward pass costs as many times its forward pass in
    all three. Raises `GrowError` or `SpecError` where the network cannot become so deep.
    """
    shallow = design.recipe.network
    deep = deeper(shallow, design.depth)
    size = dataset.image_size
    ratio = cost(deep, image_size=size).macs / cost(shallow, image_size=size).macs
    deep_epochs = min(max(round((1 - design.share) * design.epochs), 1), design.epochs - 1)
    shallow_epochs = max(round((design.epochs - deep_epochs) * ratio), 1)
    alone = max(round(design.epochs * ratio), 1)
    base = replace(design.recipe, seed=design.seeds[0])
    growing = replace(
        base,
        epochs=shallow_epochs + deep_epochs,
        deepen=(Deepening(epoch=shallow_epochs, depth=design.depth),),
    )

    def spent(shallow_epochs: int, deep_epochs: int) -> tuple[float, ...]:
        before = [epoch / ratio for epoch in range(shallow_epochs)]
        after = [shallow_epochs / ratio + epoch for epoch in range(deep_epochs + 1)]
        return tuple(amount / design.epochs for amount in (*before, *after))

    few, many = f"{shallow.depth} layers", f"{deep.depth} layers"
    return (
        Contender("deep", many, replace(base, network=deep, epochs=design.epochs), spent(0, design.epochs)),
        Contender("deepened", f"{few} deepened to {deep.depth}", growing, spent(shallow_epochs, deep_epochs)),
        Contender("shallow", few, replace(base, epochs=alone), spent(alone, 0)),
    )


def cells_of_deepening(design: DeepeningDesign, dataset: Dataset) -> tuple[Cell, ...]:
    """The cells of `design`, by way, then seed; raises what `contenders` raises."""
    shallow = design.recipe.network
    return tuple(
        Cell(
            contender.label,
            _unit(shallow),
            shallow.depth if contender.way == "shallow" else deeper(shallow, design.depth).depth,
            seed,
            replace(contender.recipe, seed=seed),
        )
        for contender in contenders(design, dataset)
        for seed in design.seeds
    )


def study_deepening(design: DeepeningDesign, dataset: Dataset, *, place: Place, show: Show) -> dict[str, Any]:
    """Train every way from every seed, write `study.json` and return what is in it.

    Raises what `contenders` raises, and what `train_cells` raises, which it is like in all else.
    """
    cells = cells_of_deepening(design, dataset)
    trained = train_cells(cells, dataset, images=Images(design.recipe.source), place=place, show=show)
    ways = [
        (each, tuple(result for cell, result in trained.results.items() if cell.label == each.label))
        for each in contenders(design, dataset)
    ]
    recipe = shared_recipe(cells, [lambda cell: cell.label])
    document = {
        "format": FORMAT,
        "version": VERSION,
        **document_of(trained, dataset, place, recipe=recipe),
        "share": design.share,
        "ways": [_entry(contender, results) for contender, results in ways],
        "sentence": _sentence(design, ways, dataset),
    }
    write_whole(place.folder.document, dump_json(document))
    return document


def _entry(contender: Contender, results: Sequence[Result]) -> dict[str, Any]:
    recipe = contender.recipe
    return {
        "way": contender.way,
        "label": contender.label,
        "epochs": recipe.epochs,
        "grows_after": [entry.epoch for entry in recipe.deepen],
        "spent": list(contender.spent),
        "results": [result.to_json() for result in results],
    }


def _sentence(design: DeepeningDesign, ways: Sequence[tuple[Contender, Sequence[Result]]], dataset: Dataset) -> str:
    """The training errors side by side: on other images a net can be better for other reasons than being trained."""
    (deep, _), *_ = ways
    ended = [f"{_mean_error(results)} with {contender.label}" for contender, results in ways]
    return (
        f"With the multiply-adds of {counted(design.epochs, 'epoch')} of {deep.label} on {dataset.name}, the training "
        f"error is {', '.join(ended[:-1])}, and {ended[-1]} throughout."
    )


def _mean_error(results: Sequence[Result]) -> str:
    errors = [result.train_error for result in results if result.is_done]
    return percent(math.fsum(errors) / len(errors)) if errors else "that of a diverged training"


def _unit(network: Network) -> Unit:
    block = network.stages[0].block
    if not block.is_residual:
        return "plain"
    return "preact" if block.order == "pre" else "residual"
