"""How much a signal may change along a network before it trains worse, and before it does not train."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from skipline.amount import percent

Scale = Literal["factor", "overlap", "spread", "empty", "range", "share", "moment"]
"""What an amount is: see `Thresholds`."""

_SAID: Mapping[Scale, Callable[[float], str]] = {
    "factor": lambda amount: f"a factor of {math.exp(amount):.3g}",
    "overlap": lambda amount: f"an overlap of {1 - 1 / amount:.3g}",
    "spread": lambda amount: f"±{math.sqrt(amount):.1f}",
    "empty": lambda amount: f"{percent(1 - 1 / amount, places=0)} of the units",
    "range": lambda amount: f"{percent(amount, places=0)} of the range",
    "share": lambda amount: percent(amount, places=0),
    "moment": lambda amount: f"a second moment of {amount:.3g}",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """Beyond `degrades` a network trains worse than a shallower one, beyond `fails` not at all."""

    degrades: float
    fails: float
    scale: Scale = "factor"

    def __post_init__(self) -> None:
        if not 0 < self.degrades <= self.fails:
            raise ValueError(f"Limit({self.degrades}, {self.fails}): expected 0 < degrades <= fails.")

    @property
    def says(self) -> str:
        """The most that trains as well as a shallower network, in words."""
        return _SAID[self.scale](self.degrades)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits of a diagnosis; the first four and `outlier` are |ln| of a factor in a norm.

    `vanishing`, `exploding`: of the signal, last block over first, where no norm brings it back; of the gradient too
    where it explodes there. `gradient_vanishing`: of the gradient, where it shrinks towards the images. `gradient`: of
    the gradient, first block over last, where it grows exponentially in a network with norms; `shortcut`: where that is
    by something on the shortcut. `collapse`: 1 over 1 − correlation of two inputs at the last block. `lottery`: the
    variance of ln ‖x‖² over draws of the weights, 5L/n after L layers that read n numbers each. `empty`,
    `empty_plain`: 1 over the share of units that are not 0, with shortcuts and without. `range`: the part of a number
    format's range that is used, on a log scale. `share`: of units or tensors that are dead or not finite. `saturation`:
    the second moment of what a tanh puts out. `outlier`: of one layer beside its equals.
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
    collapse=Limit(30.0, 40.0, "overlap"),
    lottery=Limit(2.6, 8.0, "spread"),
    empty=Limit(20.0, 400.0, "empty"),
    empty_plain=Limit(20.0, 40.0, "empty"),
    range=Limit(0.9, 1.0, "range"),
    share=Limit(0.5, 0.9, "share"),
    saturation=Limit(0.8, 0.95, "moment"),
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
    collapse=Limit(100.0, 1000.0, "overlap"),
)
"""While it trains and after: wider, for layers that have learnt differ in size where nothing is wrong. Guessed."""
