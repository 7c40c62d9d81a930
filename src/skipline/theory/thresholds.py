"""How much a signal may change along a network before it trains worse, and before it does not train."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """Beyond `degrades` a network trains worse than a shallower one, beyond `fails` not at all."""

    degrades: float
    fails: float

    def __post_init__(self) -> None:
        if not 0 < self.degrades <= self.fails:
            raise ValueError(f"Limit({self.degrades}, {self.fails}): expected 0 < degrades <= fails.")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits of a diagnosis; the first three and `outlier` are |ln| of a factor in a norm.

    `vanishing`, `exploding`: of the signal, last block over first, where no norm brings it back. `gradient`: of the
    gradient, first block over last, where it grows exponentially. `collapse`: 1 over 1 − correlation of two inputs at
    the last block. `lottery`: the variance of ln ‖x‖² over draws of the weights, 5L/n after L layers that read n
    numbers each. `empty`: 1 over the share of units that are not 0. `range`: the part of a number format's range that
    is used, on a log scale. `share`: of units or tensors that are dead or not finite. `saturation`: the second moment
    of what a tanh puts out. `outlier`: of one layer beside its equals.
    """

    vanishing: Limit
    exploding: Limit
    gradient: Limit
    collapse: Limit
    lottery: Limit
    empty: Limit
    range: Limit
    share: Limit
    saturation: Limit
    outlier: Limit


THRESHOLDS = Thresholds(
    vanishing=Limit(math.log(1e3), math.log(1e5)),
    exploding=Limit(math.log(1e2), math.log(1e4)),
    gradient=Limit(math.log(2e2), math.log(1e6)),
    collapse=Limit(1 / 0.01, 1 / 0.001),
    lottery=Limit(2.0, 8.0),
    empty=Limit(20.0, 200.0),
    range=Limit(0.9, 1.0),
    share=Limit(0.5, 0.9),
    saturation=Limit(0.8, 0.95),
    outlier=Limit(math.log(2), math.log(1e3)),
)
"""Guessed from the laws (six depth scales, 48 layers for 10⁴); docs/results.md has what was trained so far."""
