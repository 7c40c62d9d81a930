"""Calibration: whether of the answers given with 80 % confidence 80 % are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skipline.evaluate.scores import Bools, Floats, Ints, log_probabilities, probabilities

NUM_BINS = 15  # Guo et al. 2017, arXiv 1706.04599, table 1


@dataclass(frozen=True, slots=True)
class Bin:
    """Images of like confidence: from the lowest to the highest of them, how many, their mean, and the share right."""

    low: float
    high: float
    num_images: int
    confidence: float
    accuracy: float


def equal_width_bins(confidence: Floats, is_right: Bools, *, num: int = NUM_BINS) -> tuple[Bin, ...]:
    """The images with confidence in ((b − 1) / num, b / num], b = 1 … num (arXiv 1706.04599, eq. 3); none empty."""
    place = np.clip(np.ceil(confidence * num).astype(int) - 1, 0, num - 1)
    return _bins(confidence, is_right, [np.flatnonzero(place == b) for b in range(num)])


def equal_mass_bins(confidence: Floats, is_right: Bools, *, num: int = NUM_BINS) -> tuple[Bin, ...]:
    """The images in the order of confidence, cut into `num` parts of equal size or one apart; none empty.

    Images of one confidence that a cut would part go together into the lower bin, so that the order of the images does
    not matter. (Nguyen & O'Connor 2015, arXiv 1508.05154.)
    """
    order = np.argsort(confidence, kind="stable")
    ends = np.linspace(0, len(order), num + 1).round().astype(int)[1:]
    ends = np.unique(np.searchsorted(confidence[order], confidence[order][np.maximum(ends, 1) - 1], side="right"))
    return _bins(confidence, is_right, np.split(order, ends))


def expected_calibration_error(bins: tuple[Bin, ...]) -> float:
    """ECE = Σ_b (n_b / N) · |accuracy_b − confidence_b| (Naeini et al. 2015; arXiv 1706.04599, eq. 3).

    It is above 0 also for a net that is calibrated: with n_b images a bin's accuracy is √(a (1 − a) / n_b) off.
    """
    total = sum(b.num_images for b in bins)
    return sum(b.num_images / total * abs(b.accuracy - b.confidence) for b in bins)


def image_log_losses(logits: Floats, labels: Ints) -> Floats:
    """−log p of each label: float64 (N,), in nats."""
    return -log_probabilities(logits)[np.arange(len(labels)), labels]


def image_briers(logits: Floats, labels: Ints) -> Floats:
    """Σ_k (p_k − [k is the label])²: float64 (N,), from 0 to 2 (Brier 1950, Monthly Weather Review 78)."""
    wrong = probabilities(logits)
    wrong[np.arange(len(labels)), labels] -= 1.0
    return (wrong**2).sum(axis=1)


def _bins(confidence: Floats, is_right: Bools, members: list[Ints]) -> tuple[Bin, ...]:
    return tuple(
        Bin(
            low=float(confidence[some].min()),
            high=float(confidence[some].max()),
            num_images=len(some),
            confidence=float(confidence[some].mean()),
            accuracy=float(is_right[some].mean()),
        )
        for some in members
        if len(some)
    )
