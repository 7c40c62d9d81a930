"""Risk and coverage."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from skipline.evaluate.risk_coverage import area_under_risk, can_be_seen, coverage_at, least_area, selective_risks


def test_by_hand() -> None:
    """In the order of confidence: right, wrong, right, wrong."""
    confidence, right = np.array([0.6, 0.9, 0.7, 0.8]), np.array([False, True, True, False])
    assert selective_risks(confidence, right).tolist() == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])
    assert area_under_risk(confidence, right) == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert coverage_at(selective_risks(confidence, right), most=0.4) == 0.75
    assert coverage_at(np.array([1.0, 1.0]), most=0.5) == 0.0


def test_images_of_one_confidence_count_as_the_mean_over_their_orders() -> None:
    right = np.array([True, False, True, False])
    confidence = np.array([0.9, 0.5, 0.5, 0.5])
    risks = []
    for order in permutations([1, 2, 3]):
        mistakes = ~right[[0, *order]]
        risks.append(np.cumsum(mistakes) / np.arange(1, 5))
    np.testing.assert_allclose(selective_risks(confidence, right), np.mean(risks, axis=0))


def test_the_least_area_is_that_of_the_best_order() -> None:
    for num_mistakes in range(6):
        right = np.arange(6) >= num_mistakes
        best = area_under_risk(np.where(right, 1.0, 0.5) + np.arange(6) * 1e-3 * right, right)
        assert least_area(num_mistakes, 6) == pytest.approx(best)


def test_confidence_without_meaning_has_the_area_of_the_error() -> None:
    right = np.random.default_rng(0).random(20_000) < 0.7
    assert area_under_risk(np.full(20_000, 0.5), right) == pytest.approx(1 - right.mean())


def test_a_risk_finer_than_one_image_is_not_seen() -> None:
    """Eight images without a mistake do not show that one in a hundred is wrong; a hundred do."""
    assert not can_be_seen(0.01, coverage=1.0, num_images=8)
    assert not can_be_seen(0.1, coverage=0.5, num_images=19)
    assert can_be_seen(0.1, coverage=0.5, num_images=20)
    assert can_be_seen(0.01, coverage=1.0, num_images=100)
