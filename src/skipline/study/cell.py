"""A cell of a study: one training to be done."""

from __future__ import annotations

from dataclasses import dataclass

from skipline.study.family import Unit
from skipline.train import Recipe


@dataclass(frozen=True, slots=True)
class Cell:
    """The training of one network, `unit` and `depth`, from one seed; `recipe` says all of it.

    `label` says what sets it apart from the other cells of its study but for the seed: `residual 110`.
    """

    label: str
    unit: Unit
    depth: int
    seed: int
    recipe: Recipe

    @property
    def title(self) -> str:
        """How people are told of it: `residual 110, seed 0`."""
        return f"{self.label}, seed {self.seed}"
