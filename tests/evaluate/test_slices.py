"""Slices."""

from __future__ import annotations

import numpy as np
import pytest

from skipline.evaluate.slices import slices


def test_quarters_by_hand() -> None:
    values = np.array([8, 1, 2, 3, 4, 5, 6, 7], dtype=float)
    right = np.array([1, 0, 0, 1, 0, 1, 1, 1], dtype=bool)
    parts = slices(values, right)
    assert [(p.low, p.high, p.num_images, p.accuracy.value) for p in parts] == [
        (1, 2, 2, 0.0),
        (3, 4, 2, 0.5),
        (5, 6, 2, 1.0),
        (7, 8, 2, 1.0),
    ]
    assert parts[0].accuracy.high == pytest.approx(0.6576, abs=1e-4)  # Wilson: z² / (n + z²), z = 1.96, n = 2


def test_equal_values_stay_together() -> None:
    parts = slices(np.array([1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0]), np.ones(8, dtype=bool))
    assert [(p.low, p.high) for p in parts] == [(1, 2), (3, 3)]


def test_one_value_tells_nothing_apart() -> None:
    assert slices(np.full(8, 32.0), np.ones(8, dtype=bool)) == ()
