"""Likely label errors: images that a net, which never learnt from them, takes for another class than their label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skipline.evaluate.scores import Floats, Ints


@dataclass(frozen=True, slots=True)
class Suspect:
    """An image whose label is likely wrong: the class `suggested` instead, and how probable either is."""

    index: int
    label: int
    suggested: int
    label_probability: float
    suggested_probability: float


def class_thresholds(probabilities: Floats, labels: Ints) -> Floats:
    """t_k, the mean probability of k over the images labelled k; ∞ for a class without an image.

    (Northcutt et al. 2021, arXiv 1911.00068, eq. 2.)
    """
    num_classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    images = np.bincount(labels, minlength=num_classes)
    sums = np.bincount(labels, weights=own, minlength=num_classes)
    return np.where(images > 0, sums / np.maximum(images, 1), np.inf)


def suspects(probabilities: Floats, labels: Ints) -> tuple[Suspect, ...]:
    """The images whose label is below its class's threshold while another class is at or above its own.

    Suggested is the most probable of those classes; the largest lead over the label comes first. `probabilities`
    (N, K) must be of images that the net did not learn from: those it has learnt it repeats. A net that is often wrong
    suspects much. (The confident joint of arXiv 1911.00068, eq. 1, off its diagonal; that the label itself is below
    its threshold is asked besides.)
    """
    thresholds = class_thresholds(probabilities, labels)
    own = probabilities[np.arange(len(labels)), labels]
    others = np.where(probabilities >= thresholds[None, :], probabilities, -1.0)
    others[np.arange(len(labels)), labels] = -1.0
    best = others.argmax(axis=1)
    lead = others[np.arange(len(labels)), best]
    found = np.flatnonzero((own < thresholds[labels]) & (lead > own))
    ranked = found[np.argsort(own[found] - lead[found], kind="stable")]
    return tuple(Suspect(int(i), int(labels[i]), int(best[i]), float(own[i]), float(lead[i])) for i in ranked)
