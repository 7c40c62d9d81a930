"""What one cell of a study gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from skipline.files import read_number
from skipline.study.family import ALL_UNITS, Unit

FORMAT = "skipline.study.cell"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch as the run saw it: loss and error over the training batches as they went by, then on the test set."""

    epoch: int
    train_loss: float
    train_error: float
    test_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One training, done or diverged.

    `train_error`, `train_loss` and `test_error` are those of the final net in evaluation mode over the whole sets;
    errors are fractions in [0, 1]. They are NaN where the training diverged. `seconds` is the time spent training.
    """

    unit: Unit
    depth: int
    seed: int
    model: str
    parameters: int
    seconds: float
    status: Literal["done", "diverged"]
    train_error: float
    train_loss: float
    test_error: float
    curve: tuple[Epoch, ...]

    @property
    def is_done(self) -> bool:
        """Whether the training came to its end with finite numbers."""
        return self.status == "done"

    def to_json(self) -> dict[str, Any]:
        """As an entry of `study.json`; `result_from_json` gives an equal result back."""
        return asdict(self)


def result_from_json(entry: Mapping[str, Any]) -> Result:
    """What `to_json` gave, also after a way through a file. Raises `KeyError`, `TypeError` or `ValueError`."""
    if entry["unit"] not in ALL_UNITS or entry["status"] not in ("done", "diverged"):
        raise ValueError(f"unit {entry['unit']!r} with status {entry['status']!r}")
    return Result(
        unit=entry["unit"],
        depth=int(entry["depth"]),
        seed=int(entry["seed"]),
        model=str(entry["model"]),
        parameters=int(entry["parameters"]),
        seconds=read_number(entry["seconds"]),
        status=entry["status"],
        train_error=read_number(entry["train_error"]),
        train_loss=read_number(entry["train_loss"]),
        test_error=read_number(entry["test_error"]),
        curve=tuple(_epoch(point) for point in entry["curve"]),
    )


def epochs_of(metrics: list[dict[str, Any]]) -> tuple[Epoch, ...]:
    """The curve that the lines of a run's `metrics.jsonl` hold."""
    return tuple(_epoch(line) for line in metrics)


def _epoch(point: Mapping[str, Any]) -> Epoch:
    return Epoch(
        epoch=int(point["epoch"]),
        train_loss=read_number(point["train_loss"]),
        train_error=read_number(point["train_error"]),
        test_error=read_number(point["test_error"]),
    )
