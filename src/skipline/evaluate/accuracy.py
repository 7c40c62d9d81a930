"""Accuracy: the share of images that are right, overall, averaged over classes, or among the k best answers."""

from __future__ import annotations

import math

import numpy as np

from skipline.evaluate.scores import Bools, Floats, Ints, answers, ranks


def right(logits: Floats, labels: Ints) -> Bools:
    """Whether each image's answer is its label: bool (N,)."""
    return answers(logits) == labels


def accuracy(logits: Floats, labels: Ints) -> float:
    """The share of right answers."""
    return float(right(logits, labels).mean())


def balanced_accuracy(is_right: Bools, labels: Ints, *, num_classes: int) -> float:
    """The mean recall of the classes that have images; NaN without any.

    Chance is 1 / K however unequal the classes are (Brodersen et al. 2010, ICPR).
    """
    images = np.bincount(labels, minlength=num_classes)
    found = np.bincount(labels, weights=is_right, minlength=num_classes)
    there = images > 0
    return float((found[there] / images[there]).mean()) if there.any() else math.nan


def top_k_accuracy(logits: Floats, labels: Ints, *, k: int) -> float:
    """The share of images whose label is among the k largest logits; of equal logits the first class counts more."""
    return float((ranks(logits, labels) < k).mean())
