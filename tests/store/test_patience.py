"""Early stopping: how old the best evaluation may be."""

from __future__ import annotations

import math

import pytest

from skipline.store.patience import is_out_of_patience


@pytest.mark.parametrize(
    ("errors", "patience", "ends"),
    [
        ([], 1, False),
        ([0.5, 0.4, 0.3], 1, False),
        ([0.5, 0.4, 0.4], 1, True),  # an equal error is no better one
        ([0.5, 0.4, 0.45, 0.44], 2, True),
        ([0.5, 0.4, 0.45, 0.39], 2, False),
        ([0.4, 0.5, 0.5], 3, False),
        ([0.4] * 50, math.inf, False),
    ],
)
def test_a_run_ends_where_the_best_error_is_so_many_epochs_old(
    errors: list[float], patience: float, ends: bool
) -> None:
    evaluations = [{"test_error": error} for error in errors]
    assert is_out_of_patience(evaluations, patience) == ends
