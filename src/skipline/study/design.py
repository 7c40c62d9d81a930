"""What a depth study asks: which networks, how deep, from which seeds, trained how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from skipline.data import Dataset
from skipline.spec import Network
from skipline.study.cell import Cell
from skipline.study.error import StudyError
from skipline.study.family import UNITS, Family, Unit, network_of
from skipline.train import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthDesign:
    """Every unit at every depth from every seed; `recipe(network, source)` says how each is trained.

    `source` is what `data.load` takes. Raises `StudyError` for fewer than two depths, and for an entry that is missing
    or there twice.
    """

    source: str
    family: Family
    units: tuple[Unit, ...]
    depths: tuple[int, ...]
    seeds: tuple[int, ...]
    recipe: Callable[[Network, str], Recipe]

    def __post_init__(self) -> None:
        require_each_once("units", self.units)
        require_each_once("depths", self.depths)
        require_each_once("seeds", self.seeds)
        for unit in self.units:
            if unit not in UNITS:
                raise StudyError(f"units has {unit!r}; expected {' or '.join(map(repr, UNITS))}.")
        if len(self.depths) < 2:
            raise StudyError(
                f"depths has only {list(self.depths)}; a depth study compares at least two, e.g. --depths 8,20,56,110."
            )


def cells_of(design: DepthDesign, dataset: Dataset) -> tuple[Cell, ...]:
    """The cells of `design`, by unit, then depth, then seed.

    Raises `SpecError` for a depth that the family has not, and for images too small for it.
    """
    cells = []
    for unit in design.units:
        for depth in sorted(design.depths):
            network = network_of(
                design.family,
                unit,
                depth,
                num_classes=dataset.num_classes,
                in_channels=dataset.in_channels,
                image_size=dataset.image_size,
            )
            recipe = design.recipe(network, design.source)
            cells += [Cell(f"{unit} {depth}", unit, depth, seed, replace(recipe, seed=seed)) for seed in design.seeds]
    return tuple(cells)


def require_each_once(name: str, entries: Sequence[str | float]) -> None:
    """Refuse a list called `name` that is empty, or that has an entry twice."""
    if not entries:
        raise StudyError(f"{name} is empty; a study needs at least one.")
    for entry in entries:
        if entries.count(entry) > 1:
            raise StudyError(f"{name} has {entry!r} twice; give each once.")
