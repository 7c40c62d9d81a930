"""What logits say of each image: an answer, how probable it is, and where the label stands among the classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skipline.data import DataError

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]

NO_ANSWER = -1  # of an image with a logit that is not finite: a mistake, whatever its label


def check_scores(logits: Floats, labels: Ints) -> None:
    """Refuse logits that are not (N, K) and labels that are not (N,) in 0..K−1, with N and K at least 1."""
    if logits.ndim != 2 or logits.size == 0 or labels.shape != (len(logits),):
        raise DataError(
            f"logits have shape {logits.shape} and labels {labels.shape}; expected (N, K) and (N,), neither 0."
        )
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise DataError(f"labels run from {labels.min()} to {labels.max()}; expected 0 to {logits.shape[1] - 1}.")


def log_probabilities(logits: Floats) -> Floats:
    """log softmax, float64 (N, K); an image with a logit that is not finite has −log K everywhere."""
    finite = _finite_rows(logits)
    safe = np.where(finite[:, None], logits, 0.0).astype(np.float64)
    shifted = safe - safe.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def probabilities(logits: Floats) -> Floats:
    """softmax, float64 (N, K); 1 / K everywhere for an image with a logit that is not finite."""
    return np.exp(log_probabilities(logits))


def answers(logits: Floats) -> Ints:
    """The class of the largest logit, the first of equal ones; `NO_ANSWER` where a logit is not finite."""
    finite = _finite_rows(logits)
    return np.where(finite, np.where(finite[:, None], logits, 0.0).argmax(axis=1), NO_ANSWER)


def confidences(logits: Floats) -> Floats:
    """The largest probability of each image: max_k softmax(z)_k, in [1 / K, 1]."""
    return probabilities(logits).max(axis=1)


def ranks(logits: Floats, labels: Ints) -> Ints:
    """How many classes stand before the label: 0 where it is the answer, K where a logit is not finite.

    Of classes with equal logits the first stands before, as in `answers`.
    """
    finite = _finite_rows(logits)
    safe = np.where(finite[:, None], logits, 0.0)
    own = safe[np.arange(len(safe)), labels][:, None]
    earlier = np.arange(safe.shape[1])[None, :] < labels[:, None]
    before = ((safe > own) | ((safe == own) & earlier)).sum(axis=1)
    return np.where(finite, before, safe.shape[1])


def _finite_rows(logits: Floats) -> Bools:
    return np.asarray(np.isfinite(logits).all(axis=1))
