"""A cell of the calibration grid with what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from skipline.files import read_number
from skipline.signal.verdict import VERDICTS, Verdict
from skipline.spec import Activation, Norm
from skipline.study.grid import LEARNING, GridCell
from skipline.study.net_design import NetDesign


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A cell trained at one rate. `num_steps` had a finite loss; the first of them had `start_loss`."""

    learning_rate: float
    trainability: Verdict
    num_steps: int
    start_loss: float
    train_loss: float
    train_error: float
    test_error: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A cell of the grid and what came of it, rate by rate."""

    cell: GridCell
    attempts: tuple[Attempt, ...]

    @property
    def trainability(self) -> Verdict:
        """The best word of all rates tried."""
        words: list[Verdict] = [attempt.trainability for attempt in self.attempts]
        return min(words, key=VERDICTS.index)


def calibrated_to_json(calibrated: Calibrated) -> dict[str, Any]:
    """As an entry of `study.json`; `calibrated_from_json` gives an equal one back."""
    net = calibrated.cell.net
    return {
        "images": calibrated.cell.learning.images.source,
        "unit": net.unit,
        "depth": net.depth,
        "width": net.width,
        "norm": net.norm.kind,
        "groups": net.norm.groups,
        "activation": net.activation.kind,
        "slope": net.activation.slope,
        "init": calibrated.cell.init,
        "trainability": calibrated.trainability,
        "attempts": [asdict(attempt) for attempt in calibrated.attempts],
    }


def calibrated_from_json(entry: Mapping[str, Any]) -> Calibrated:
    """What `calibrated_to_json` gave, also after a way through a file; raises `KeyError`, `TypeError`, `ValueError`."""
    learning = next(each for each in LEARNING if each.images.source == entry["images"])
    net = NetDesign(
        unit=entry["unit"],
        depth=entry["depth"],
        width=entry["width"],
        norm=Norm(entry["norm"], groups=entry["groups"]),
        activation=Activation(entry["activation"], slope=read_number(entry["slope"])),
        stem_stride=learning.stem_stride,
    )
    cell = GridCell(learning=learning, net=net, init=entry["init"])
    return Calibrated(cell, tuple(_attempt_from_json(each) for each in entry["attempts"]))


def _attempt_from_json(entry: Mapping[str, Any]) -> Attempt:
    if entry["trainability"] not in VERDICTS:
        raise ValueError(f"trainability {entry['trainability']!r}")
    names = ("learning_rate", "start_loss", "train_loss", "train_error", "test_error", "seconds")
    numbers = {name: read_number(entry[name]) for name in names}
    return Attempt(trainability=entry["trainability"], num_steps=int(entry["num_steps"]), **numbers)
