"""How far a run has come: the numbers that change from step to step and that a checkpoint holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from skipline.files import read_number


@dataclass(slots=True)
class Progress:
    """How far a run has come.

    `epoch_loss`, `epoch_mistakes` and `epoch_images` are sums over the current epoch; `running_error` is the average
    that `UntilError` watches and `is_released` whether it has been low enough; `test_error` is the newest and
    `best_error` the lowest so far; `seconds` is time spent on the run.
    """

    step: int = 0
    epoch_loss: float = 0.0
    epoch_mistakes: float = 0.0
    epoch_images: int = 0
    running_error: float = 1.0
    is_released: bool = False
    test_error: float = math.nan
    best_error: float = math.inf
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; `progress_from_json` gives the same bits back."""
        return asdict(self)


def progress_from_json(entries: Mapping[str, Any]) -> Progress:
    """What `to_json` gave; raises `ValueError` for anything else."""
    if entries.keys() != asdict(Progress()).keys():
        raise ValueError(f"the progress has the entries {sorted(entries)}; expected {sorted(asdict(Progress()))}.")
    return Progress(
        step=int(entries["step"]),
        epoch_loss=read_number(entries["epoch_loss"]),
        epoch_mistakes=read_number(entries["epoch_mistakes"]),
        epoch_images=int(entries["epoch_images"]),
        running_error=read_number(entries["running_error"]),
        is_released=bool(entries["is_released"]),
        test_error=read_number(entries["test_error"]),
        best_error=read_number(entries["best_error"]),
        seconds=read_number(entries["seconds"]),
    )
