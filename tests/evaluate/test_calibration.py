"""Calibration: bins, errors and losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from skipline.evaluate.calibration import (
    equal_mass_bins,
    equal_width_bins,
    expected_calibration_error,
    image_briers,
    image_log_losses,
)

CONFIDENCE = np.array([0.55, 0.65, 0.75, 0.95, 0.95, 1.0])
RIGHT = np.array([True, False, True, True, True, False])


def test_equal_width_by_hand() -> None:
    """Two bins: (0, 0.5] is empty; the other has mean confidence 4.85 / 6 and 4 of 6 right."""
    (only,) = equal_width_bins(CONFIDENCE, RIGHT, num=2)
    assert (only.low, only.high, only.num_images) == (0.55, 1.0, 6)
    assert expected_calibration_error((only,)) == pytest.approx(4.85 / 6 - 4 / 6)


def test_a_bound_belongs_to_the_bin_below() -> None:
    """(arXiv 1706.04599: the intervals are open below.)"""
    bins = equal_width_bins(np.array([0.5, 0.51]), np.array([True, True]), num=2)
    assert [(b.high, b.num_images) for b in bins] == [(0.5, 1), (0.51, 1)]


def test_equal_mass_by_hand() -> None:
    low, middle, high = equal_mass_bins(CONFIDENCE, RIGHT, num=3)
    assert [(b.low, b.high, b.num_images) for b in (low, middle)] == [(0.55, 0.65, 2), (0.75, 0.95, 3)]
    assert high.num_images == 1, "the two of 0.95 stay together"
    expected = 2 / 6 * abs(0.5 - 0.6) + 3 / 6 * abs(1 - 2.65 / 3) + 1 / 6 * 1.0
    assert expected_calibration_error((low, middle, high)) == pytest.approx(expected)


def test_the_order_of_the_images_does_not_matter() -> None:
    generator = np.random.default_rng(0)
    confidence, right = generator.integers(1, 5, 200) / 4, generator.random(200) < 0.5
    order = generator.permutation(200)
    for bins in (equal_width_bins, equal_mass_bins):
        there, here = (
            [(b.low, b.high, b.num_images, b.accuracy) for b in bins(c, r)]
            for c, r in ((confidence, right), (confidence[order], right[order]))
        )
        assert there == here


def test_a_calibrated_net_has_next_to_no_error() -> None:
    """Answers that are right as often as their confidence says; a bin of 2,000 is off by about 0.01."""
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.5, 1.0, 30_000)
    right = generator.random(30_000) < confidence
    assert expected_calibration_error(equal_mass_bins(confidence, right)) < 0.015
    assert expected_calibration_error(equal_width_bins(confidence, right)) < 0.015
    boastful = np.sqrt(confidence)  # 0.5 becomes 0.71
    gap = float(np.mean(boastful - confidence))
    assert expected_calibration_error(equal_mass_bins(boastful, right)) == pytest.approx(gap, abs=0.01)


def test_the_losses_are_pytorchs() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(40, 6, generator=generator, dtype=torch.float64)
    labels = torch.randint(6, (40,), generator=generator)
    log_losses = functional.cross_entropy(logits, labels, reduction="none")
    np.testing.assert_allclose(image_log_losses(logits.numpy(), labels.numpy()), log_losses.numpy(), rtol=1e-12)
    briers = (logits.softmax(dim=1) - functional.one_hot(labels, 6)).square().sum(dim=1)
    np.testing.assert_allclose(image_briers(logits.numpy(), labels.numpy()), briers.numpy(), rtol=1e-12)
