"""Accuracy in its forms, and what logits say of an image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from skipline.data import DataError
from skipline.evaluate.accuracy import accuracy, balanced_accuracy, right, top_k_accuracy
from skipline.evaluate.scores import NO_ANSWER, answers, check_scores, confidences, probabilities, ranks

# Ten images of class 0, two of class 1: of the first nine are right, of the others one.
LABELS = np.array([0] * 10 + [1] * 2)
LOGITS = np.array([[1.0, 0.0]] * 9 + [[0.0, 1.0]] + [[0.0, 1.0], [1.0, 0.0]])


def test_accuracy_by_hand() -> None:
    assert accuracy(LOGITS, LABELS) == pytest.approx(10 / 12)
    assert balanced_accuracy(right(LOGITS, LABELS), LABELS, num_classes=2) == pytest.approx((9 / 10 + 1 / 2) / 2)


def test_a_class_without_images_is_no_part_of_the_balance() -> None:
    assert balanced_accuracy(right(LOGITS, LABELS), LABELS, num_classes=5) == pytest.approx(0.7)
    assert math.isnan(balanced_accuracy(np.zeros(0, dtype=bool), np.zeros(0, dtype=int), num_classes=2))


def test_always_the_largest_class_is_chance_when_balanced() -> None:
    """However unequal the classes are: that is what it is for."""
    constant = np.tile([1.0, 0.0], (12, 1))
    assert accuracy(constant, LABELS) == pytest.approx(10 / 12)
    assert balanced_accuracy(right(constant, LABELS), LABELS, num_classes=2) == 0.5


def test_top_k_by_hand() -> None:
    """The label stands first, second, third and last of four."""
    logits, labels = np.tile([4.0, 3.0, 2.0, 1.0], (4, 1)), np.arange(4)
    assert ranks(logits, labels).tolist() == [0, 1, 2, 3]
    assert [top_k_accuracy(logits, labels, k=k) for k in (1, 2, 3, 4)] == [0.25, 0.5, 0.75, 1.0]


def test_top_1_is_accuracy_also_among_equal_logits() -> None:
    generator = np.random.default_rng(0)
    logits, labels = generator.integers(0, 3, (500, 4)).astype(float), generator.integers(0, 4, 500)
    assert top_k_accuracy(logits, labels, k=1) == accuracy(logits, labels)
    assert top_k_accuracy(logits, labels, k=4) == 1.0


def test_probabilities_are_pytorchs() -> None:
    logits = torch.randn(50, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 30
    expected = torch.softmax(logits, dim=1).numpy()
    np.testing.assert_allclose(probabilities(logits.numpy()), expected, rtol=1e-12)
    np.testing.assert_allclose(confidences(logits.numpy()), expected.max(axis=1), rtol=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_logit_that_is_not_finite_is_no_answer(bad: float) -> None:
    logits, labels = np.array([[bad, 0.0, 0.0], [0.0, 1.0, 0.0]]), np.array([0, 1])
    assert answers(logits).tolist() == [NO_ANSWER, 1]
    assert ranks(logits, labels).tolist() == [3, 0]
    assert probabilities(logits)[0].tolist() == pytest.approx([1 / 3] * 3)
    assert accuracy(logits, labels) == 0.5


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((2, 3), [0, 3], r"labels run from 0 to 3; expected 0 to 2\."),
        ((2, 3), [0], r"logits have shape \(2, 3\) and labels \(1,\); expected \(N, K\) and \(N,\)"),
        ((0, 3), [], r"neither 0"),
    ],
)
def test_what_does_not_fit_is_said(shape: tuple[int, int], labels: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_scores(np.zeros(shape), np.array(labels, dtype=int))
