"""Two nets on the same images: whether one is better, and on which images they differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from skipline.evaluate.interval import bootstrap
from skipline.evaluate.scores import Bools


@dataclass(frozen=True, slots=True)
class Paired:
    """How two nets did on the same N images.

    `both_right` … `both_wrong` count images and add up to N. `difference` is the second's accuracy minus the
    first's, `low` to `high` its 95 % interval, and `p_value` that of `exact_p_value`.
    """

    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    difference: float
    low: float
    high: float
    p_value: float

    @property
    def num_images(self) -> int:
        """The images that both nets were evaluated on."""
        return self.both_right + self.only_first + self.only_second + self.both_wrong


def compare(first: Bools, second: Bools, *, generator: torch.Generator) -> Paired:
    """Compare two nets by whether they were right on each of the same images: bool (N,) each.

    The interval is a percentile bootstrap of the paired difference: images are drawn, each with both its answers.
    """
    first, second = first.astype(bool), second.astype(bool)
    gains = second.astype(float) - first.astype(float)
    low, high = bootstrap(lambda indices: float(gains[indices].mean()), len(gains), generator=generator)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return Paired(
        both_right=int((first & second).sum()),
        only_first=only_first,
        only_second=only_second,
        both_wrong=int((~first & ~second).sum()),
        difference=float(gains.mean()),
        low=low,
        high=high,
        p_value=exact_p_value(only_first, only_second),
    )


def exact_p_value(only_first: int, only_second: int) -> float:
    """McNemar's exact test: how probable counts at least so unequal are if the nets are equally good.

    Of the n = b + c images that one net alone has right, each is then the first's or the second's like a coin:
    p = min(1, 2 · P(X ≤ min(b, c))), X ~ Binomial(n, 1/2); 1 where n is 0. (McNemar 1947, Psychometrika 12, in the
    exact form; Dietterich 1998, Neural Computation 10, for its use on classifiers.)
    """
    n, least = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    # In logarithms: 2⁻ⁿ is 0 in floats from 1,075 images on.
    terms = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) for k in range(least + 1)
    ]
    top = max(terms)
    return min(1.0, 2 * math.exp(top) * sum(math.exp(term - top) for term in terms))
