"""How much a signal may change along a network before it trains worse, and before it does not train."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


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
    """The limits of a diagnosis; the first four and `outlier` are |ln| of a factor in a norm.

    `vanishing`, `exploding`: of the signal, last block over first, where no norm brings it back; of the gradient too
    where it explodes there. `gradient_vanishing`: of the gradient, where it shrinks towards the images. `gradient`: of
    the gradient, first block over last, where it grows exponentially in a network with norms; `shortcut`: where that is
    by something on the shortcut. `collapse`: 1 over
    1 − correlation of two inputs at the last block. `lottery`: the variance of ln ‖x‖² over draws of the weights, 5L/n
    after L layers that read n numbers each. `empty`, `empty_plain`: 1 over the share of units that are not 0, with
    shortcuts and without. `range`: the part of a number format's range that is used, on a log scale. `share`: of units
    or tensors that are dead or not finite. `saturation`: the second moment of what a tanh puts out. `outlier`: of one
    layer beside its equals.
    """

    vanishing: Limit
    exploding: Limit
    gradient_vanishing: Limit
    gradient: Limit
    shortcut: Limit
    collapse: Limit
    lottery: Limit
    empty: Limit
    empty_plain: Limit
    range: Limit
    share: Limit
    saturation: Limit
    outlier: Limit


THRESHOLDS = Thresholds(
    vanishing=Limit(math.log(11), math.log(12)),
    exploding=Limit(math.log(15), math.log(90)),
    gradient_vanishing=Limit(math.log(11), math.log(55)),
    gradient=Limit(math.log(30), math.log(2e4)),
    shortcut=Limit(math.log(2e2), math.log(1e6)),
    collapse=Limit(30.0, 40.0),
    lottery=Limit(2.6, 8.0),
    empty=Limit(20.0, 400.0),
    empty_plain=Limit(20.0, 40.0),
    range=Limit(0.9, 1.0),
    share=Limit(0.5, 0.9),
    saturation=Limit(0.8, 0.95),
    outlier=Limit(math.log(2), math.log(1e3)),
)
"""At the start. Measured: 308 nets of 8 to 100 layers trained for 150 steps on the digits (docs/results.md), which say
by predicted signals alone what became of 96 % of them. e^−3, a gradient's norm after the six depth scales of arXiv
1611.01232, lies among the first four. `shortcut`, `range`, `share`, `saturation` and `outlier` are guessed: no net of
the grid has them."""

TRAINED_THRESHOLDS = replace(
    THRESHOLDS,
    vanishing=Limit(math.log(1e3), math.log(1e5)),
    exploding=Limit(math.log(1e2), math.log(1e4)),
    gradient_vanishing=Limit(math.log(1e3), math.log(1e5)),
    gradient=Limit(math.log(2e2), math.log(1e6)),
    collapse=Limit(100.0, 1000.0),
)
"""While it trains and after: wider, for layers that have learnt differ in size where nothing is wrong. Guessed."""
