"""The confusion matrix, and precision and recall of classes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from skipline.evaluate.confusion import class_measures, confusion_matrix, entries
from skipline.evaluate.scores import NO_ANSWER


def one_hot(given: list[int], num_classes: int) -> np.ndarray:
    """Logits of these answers; NaN for none."""
    rows = np.eye(num_classes)
    return np.array([rows[k] if k >= 0 else np.full(num_classes, math.nan) for k in given])


def test_a_matrix_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    matrix = confusion_matrix(one_hot([0, 0, 1, 1, NO_ANSWER, 0], 3), labels)
    assert matrix.tolist() == [[2, 1, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0]]
    assert entries(matrix) == ((0, 0, 2), (0, 1, 1), (1, NO_ANSWER, 1), (1, 1, 1), (2, 0, 1))
    zero, one, two = class_measures(matrix)
    assert (zero.recall.value, zero.precision.value, zero.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (one.recall.value, one.precision.value, one.f1) == pytest.approx((1 / 2, 1 / 2, 1 / 2))
    assert (two.recall.value, two.f1) == (0.0, 0.0)
    assert math.isnan(two.precision.value), "nothing was taken for it"
    assert (two.precision.low, two.precision.high) == (0.0, 1.0), "so nothing is known"


def test_a_class_that_is_nowhere_has_no_measures() -> None:
    measures = class_measures(confusion_matrix(one_hot([0, 0], 2), np.array([0, 0])))[1]
    assert math.isnan(measures.recall.value)
    assert math.isnan(measures.f1)


def test_the_intervals_are_wilsons() -> None:
    """15 of 148: Newcombe 1998, Statistics in Medicine 17, table I."""
    matrix = confusion_matrix(one_hot([0] * 15 + [1] * 133, 2), np.zeros(148, dtype=int))
    recall = class_measures(matrix)[0].recall
    assert (recall.low, recall.high) == pytest.approx((0.0624, 0.1605), abs=5e-5)
