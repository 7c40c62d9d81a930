"""Confusion: which classes are taken for which, and what that means for each of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from skipline.evaluate.interval import Measured, share
from skipline.evaluate.scores import NO_ANSWER, Floats, Ints, answers


@dataclass(frozen=True, slots=True)
class ClassMeasures:
    """A class: its images, how many answers named it, how many of those were right, and what follows.

    `recall`: of its images, the share that was found. `precision`: of the answers that named it, the share that
    was right. `f1`: their harmonic mean. NaN where the share is of nothing.
    """

    num_images: int
    num_answers: int
    num_right: int

    @property
    def recall(self) -> Measured:
        """The share of the class's images that are predicted as it."""
        return share(self.num_right, self.num_images)

    @property
    def precision(self) -> Measured:
        """The share of the predictions of the class that are right."""
        return share(self.num_right, self.num_answers)

    @property
    def f1(self) -> float:
        """The harmonic mean of recall and precision; NaN without images and predictions."""
        total = self.num_images + self.num_answers
        return 2 * self.num_right / total if total else math.nan


def confusion_matrix(logits: Floats, labels: Ints) -> Ints:
    """int64 (K, K + 1): images by label and answer; the last column counts those without an answer."""
    num_classes = logits.shape[1]
    given = answers(logits)
    column = np.where(given == NO_ANSWER, num_classes, given)
    flat = labels * (num_classes + 1) + column
    return np.bincount(flat, minlength=num_classes * (num_classes + 1)).reshape(num_classes, num_classes + 1)


def class_measures(matrix: Ints) -> tuple[ClassMeasures, ...]:
    """What a confusion matrix says of each class, in the order of labels."""
    by_label, by_answer = matrix.sum(axis=1), matrix.sum(axis=0)
    return tuple(ClassMeasures(int(by_label[k]), int(by_answer[k]), int(matrix[k, k])) for k in range(len(matrix)))


def entries(matrix: Ints) -> tuple[tuple[int, int, int], ...]:
    """What of the matrix is not 0, as (label, answer, images), the most images first; `NO_ANSWER` for none."""
    num_classes = len(matrix)
    found = [
        (int(label), NO_ANSWER if answer == num_classes else int(answer), int(matrix[label, answer]))
        for label, answer in zip(*np.nonzero(matrix), strict=True)
    ]
    return tuple(sorted(found, key=lambda entry: (-entry[2], entry[0], entry[1])))
