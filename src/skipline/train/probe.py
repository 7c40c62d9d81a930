"""Whether a run is watched while it trains, as data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from skipline.train.error import RecipeError
from skipline.wording import require_limit


@dataclass(frozen=True, slots=True)
class Probe:
    """Steps 0, `every`, 2 `every` … are read, and what was seen is kept in `layers.jsonl`; ∞: no step is.

    It changes no bit of the training.
    """

    every: float = math.inf

    def __post_init__(self) -> None:
        require_limit(RecipeError, "probe.every", self.every)

    @property
    def is_on(self) -> bool:
        """Whether any step is read."""
        return math.isfinite(self.every)

    def is_due(self, step: int) -> bool:
        """Whether `step`, counted from 0, is read."""
        return self.is_on and step % self.every == 0
