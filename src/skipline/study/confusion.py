"""Predictions of trainability held to what was trained: who said what of which cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from skipline.init import Scheme, scheme_named
from skipline.signal.verdict import VERDICTS, Verdict
from skipline.spec import Network
from skipline.study.calibrated import Calibrated
from skipline.study.grid import GridCell


class Judge(Protocol):
    """Whoever predicts, before anything is trained, whether `network` started by `scheme` will train.

    `image_size` is that of the images, in pixels a side.
    """

    def __call__(self, network: Network, scheme: Scheme, /, *, image_size: int) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A cell of which something else was predicted than came out."""

    cell: GridCell
    predicted: Verdict
    actual: Verdict


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often what was predicted where what came out (`counts[predicted, actual]`), and each disagreement."""

    counts: Mapping[tuple[Verdict, Verdict], int]
    disagreements: tuple[Disagreement, ...]

    @property
    def num_cells(self) -> int:
        """How many cells were judged."""
        return sum(self.counts.values())

    @property
    def agreement(self) -> float:
        """The share of cells of which the word was right, one of three."""
        return 1 - len(self.disagreements) / self.num_cells

    @property
    def agreement_on_training(self) -> float:
        """The share of cells of which it was rightly said whether they train, or do not."""
        wrong = sum((each.predicted == "trains") != (each.actual == "trains") for each in self.disagreements)
        return 1 - wrong / self.num_cells

    def to_json(self, judge: str) -> dict[str, Any]:
        """As an entry of `study.json`; a row of `counts` is what was predicted, a column what came out."""
        return {
            "judge": judge,
            "num_cells": self.num_cells,
            "agreement": self.agreement,
            "agreement_on_training": self.agreement_on_training,
            "counts": [[self.counts.get((said, was), 0) for was in VERDICTS] for said in VERDICTS],
            "disagreements": [
                {"cell": each.cell.title, "predicted": each.predicted, "actual": each.actual}
                for each in self.disagreements
            ],
        }


def confusion_of(calibrated: Sequence[Calibrated], judge: Judge) -> Confusion:
    """What `judge` says of each cell against what came of it. Raises `ValueError` where there is no cell to judge."""
    if not calibrated:
        raise ValueError("there is no cell to judge; calibrate some first: skipline study calibration")
    counts: Counter[tuple[Verdict, Verdict]] = Counter()
    disagreements: list[Disagreement] = []
    for each in calibrated:
        cell, actual = each.cell, each.trainability
        predicted = judge(cell.network, scheme_named(cell.init), image_size=cell.learning.image_size)
        counts[predicted, actual] += 1
        if predicted != actual:
            disagreements.append(Disagreement(cell, predicted, actual))
    return Confusion(dict(counts), tuple(disagreements))
