"""Chance: whether a net's answers have anything to do with the labels."""

from __future__ import annotations

import numpy as np
import torch

from skipline.evaluate.scores import Ints

LEVEL = 0.05  # the usual level; a convention
NUM_SHUFFLES = 999  # p is then known to about 0.007 at that level, of a binomial count


def chance_p_value(given: Ints, labels: Ints, *, generator: torch.Generator) -> float:
    """How probable so many right answers are where the answers say nothing: they are shuffled over the images.

    p = (1 + number of shuffles with as many right, or more) / (1 + `NUM_SHUFFLES`), a permutation test, which keeps
    how often each class is named and how often it is there, and holds for any number of images (Phipson & Smyth 2010,
    arXiv 1603.05766). `given` and `labels`: int (N,).
    """
    seen = int((given == labels).sum())
    shuffled = (given[torch.randperm(len(given), generator=generator).numpy()] for _ in range(NUM_SHUFFLES))
    as_many = sum(int(np.count_nonzero(each == labels)) >= seen for each in shuffled)
    return (1 + as_many) / (1 + NUM_SHUFFLES)
