"""A race of initialisers: one net started in many ways, all else equal, trained side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from skipline.costs import cost
from skipline.data import Dataset
from skipline.files import dump_json, write_whole
from skipline.init import HE_FAN_OUT_NORMAL, SCHEMES, InitError, scheme_named, zero_branch
from skipline.spec import Network
from skipline.study.cell import Cell
from skipline.study.design import require_each_once
from skipline.study.images import Images
from skipline.study.net_design import NetDesign
from skipline.study.standing import Standing, sentence, standing_of
from skipline.study.trainability import RACE_RULE
from skipline.study.trainings import Place, Show, document_of, shared_recipe, train_cells
from skipline.train import Recipe

FORMAT = "skipline.study.race"
VERSION = 1

RATES = (0.1, 0.01, 0.001)  # tried where each initialiser gets its best: guessed, powers of ten down from the usual


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceDesign:
    """`net` started by each of `inits`, at each of `rates`, from each of `seeds`.

    `recipe(network, source)` says how each is trained but for these three. With several rates an initialiser is told
    by the one with the lowest loss at the end. Raises `StudyError` for an entry that is missing or there twice.
    """

    source: str
    net: NetDesign
    inits: tuple[str, ...]
    rates: tuple[float, ...]
    seeds: tuple[int, ...]
    recipe: Callable[[Network, str], Recipe]

    def __post_init__(self) -> None:
        require_each_once("inits", self.inits)
        require_each_once("rates", self.rates)
        require_each_once("seeds", self.seeds)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An initialiser that cannot start the net, and why."""

    init: str
    reason: str


def default_inits(network: Network) -> tuple[tuple[str, ...], tuple[LeftOut, ...]]:
    """The initialisers that race where none is named, and those that would but cannot start `network`.

    Every row of the table, and branches that start at zero; of two rows that differ in the form of a distribution only,
    the normal one: with the same variance they race alike.
    """
    names = [scheme.name for scheme in SCHEMES]
    normal_twin = {name: f"{name.removesuffix('_uniform')}_normal" for name in names if name.endswith("_uniform")}
    names = [name for name in names if normal_twin.get(name) not in names]
    names.append(zero_branch(HE_FAN_OUT_NORMAL).name)
    starters: list[str] = []
    left_out: list[LeftOut] = []
    for name in names:
        try:
            scheme_named(name).requires(network)
        except InitError as error:
            left_out.append(LeftOut(name, str(error)))
        else:
            starters.append(name)
    return tuple(starters), tuple(left_out)


def network_of_race(net: NetDesign, dataset: Dataset) -> Network:
    """The description of `net` for the images of `dataset`."""
    return net.network(num_classes=dataset.num_classes, in_channels=dataset.in_channels, image_size=dataset.image_size)


def cells_of_race(design: RaceDesign, dataset: Dataset) -> tuple[Cell, ...]:
    """The cells of `design`, by initialiser, then rate, then seed.

    Raises `SpecError` for images too small for the net, `InitError` where an initialiser cannot start it.
    """
    recipe = design.recipe(network_of_race(design.net, dataset), design.source)
    return tuple(
        Cell(
            init if len(design.rates) == 1 else f"{init} at rate {rate:g}",
            design.net.unit,
            design.net.depth,
            seed,
            replace(recipe, init=init, seed=seed, optimiser=replace(recipe.optimiser, learning_rate=rate)),
        )
        for init in design.inits
        for rate in design.rates
        for seed in design.seeds
    )


def study_race(
    design: RaceDesign, dataset: Dataset, *, left_out: Sequence[LeftOut], place: Place, show: Show
) -> dict[str, Any]:
    """Train every cell of `design`, write `study.json` and return what is in it.

    `left_out` is only written down. Raises what `cells_of_race` and `train_cells` raise.
    """
    cells = cells_of_race(design, dataset)
    trained = train_cells(cells, dataset, images=Images(design.source), place=place, show=show)
    standings = [standing_of(init, trained, num_classes=dataset.num_classes) for init in design.inits]
    recipe = shared_recipe(cells, [lambda cell: cell.recipe.init, lambda cell: cell.label])
    for name in ("init", "optimiser"):  # said by the standings; an optimiser that differs does so in its rate only
        del recipe[name]
    document = {
        "format": FORMAT,
        "version": VERSION,
        **document_of(trained, dataset, place, recipe={**recipe, "optimiser": _optimiser(cells[0])}),
        "network": _network_entry(design.net, cells[0].recipe.network, dataset),
        "steps": cells[0].recipe.num_steps(len(dataset.train)),
        "rates": list(design.rates),
        "rule": RACE_RULE,
        "standings": [standing.to_json() for standing in standings],
        "left_out": [{"init": each.init, "reason": each.reason} for each in left_out],
        "sentence": _sentence(design, standings, dataset),
    }
    write_whole(place.folder.document, dump_json(document))
    return document


def _network_entry(net: NetDesign, network: Network, dataset: Dataset) -> dict[str, Any]:
    return {
        "name": network.name,
        "unit": net.unit,
        "depth": network.depth,
        "num_blocks": list(net.num_blocks),
        "channels": [stage.channels for stage in network.stages],
        "norm": network.norm.kind,
        "activation": network.activation.kind,
        "parameters": cost(network, image_size=dataset.image_size).parameters,
    }


def _optimiser(cell: Cell) -> dict[str, Any]:
    settings: dict[str, Any] = shared_recipe([cell], [])["optimiser"]
    return {name: value for name, value in settings.items() if name != "learning_rate"}


def _sentence(design: RaceDesign, standings: Sequence[Standing], dataset: Dataset) -> str:
    net = design.net
    norm = "without a norm" if net.norm.kind == "none" else f"with {net.norm.kind} norm"
    return sentence(standings, told=f"a {net.unit} net of {net.depth} layers {norm} on {dataset.name}")
