"""Results made by hand, and one thread for what is computed here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from skipline.study.family import Unit
from skipline.study.result import Result

MakeResults = Callable[..., list[Result]]


@pytest.fixture
def results() -> MakeResults:
    """`results("plain", {8: [0.0, 0.01], 110: [0.9, None]})`: training errors by depth, one a seed, None diverged."""

    def make(unit: Unit, train_errors: dict[int, Sequence[float | None]], *, gap: float = 0.0) -> list[Result]:
        return [
            Result(
                unit=unit,
                depth=depth,
                seed=seed,
                model=f"digits_{unit}{depth}",
                parameters=1,
                seconds=1.0,
                status="diverged" if error is None else "done",
                train_error=math.nan if error is None else error,
                train_loss=math.nan if error is None else 1.0,
                test_error=math.nan if error is None else error + gap,
                curve=(),
            )
            for depth, errors in train_errors.items()
            for seed, error in enumerate(errors)
        ]

    return make
