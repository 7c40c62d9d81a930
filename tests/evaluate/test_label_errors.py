"""Likely label errors."""

from __future__ import annotations

import numpy as np
import pytest

from skipline.evaluate.label_errors import class_thresholds, suspects


def test_by_hand() -> None:
    """Thresholds: class 0: (0.9 + 0.8 + 0.1) / 3 = 0.6; class 1: (0.7 + 0.5) / 2 = 0.6; class 2 has no image."""
    shares = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.1, 0.7, 0.2], [0.3, 0.7, 0.0], [0.4, 0.5, 0.1]])
    labels = np.array([0, 0, 0, 1, 1])
    assert class_thresholds(shares, labels).tolist() == pytest.approx([0.6, 0.6, np.inf])
    (only,) = suspects(shares, labels)
    assert (only.index, only.label, only.suggested) == (2, 0, 1)
    assert (only.label_probability, only.suggested_probability) == pytest.approx((0.1, 0.7))


def test_wrong_but_unsure_is_no_suspect() -> None:
    """Of the last image no class is at its threshold, though the label is not the likeliest."""
    shares = np.array([[0.9, 0.1], [0.1, 0.9], [0.45, 0.55]])
    assert suspects(shares, np.array([0, 1, 0])) == ()


def test_labels_that_were_changed_are_found() -> None:
    """A net that knows its classes well: of 1,000 labels 30 are changed, and those come first."""
    generator = np.random.default_rng(0)
    true = generator.integers(0, 5, 1000)
    logits = generator.normal(size=(1000, 5))
    logits[np.arange(1000), true] += 8.0
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    changed = generator.choice(1000, 30, replace=False)
    given = true.copy()
    given[changed] = (given[changed] + 1) % 5
    found = suspects(shares, given)
    assert len({s.index for s in found[:30]} & set(changed.tolist())) >= 28
    assert all(s.suggested == true[s.index] for s in found if s.index in set(changed.tolist()))
