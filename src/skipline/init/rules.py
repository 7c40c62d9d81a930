"""The rules that schemes are made of: each fills one tensor from its slot."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Generator, Tensor

from skipline.init import draws
from skipline.init.fans import centre_taps, matrices
from skipline.init.scheme import Rule, Slot

Variance = Callable[[Slot], float]


def normal(variance: Variance) -> Rule:
    """Independent N(0, variance)."""

    def fill(tensor: Tensor, slot: Slot, generator: Generator) -> None:
        draws.normal(tensor, math.sqrt(variance(slot)), generator)

    return fill


def uniform(variance: Variance) -> Rule:
    """Independent and uniform around 0 with this variance."""

    def fill(tensor: Tensor, slot: Slot, generator: Generator) -> None:
        draws.uniform(tensor, math.sqrt(variance(slot)), generator)

    return fill


def constant(value: float) -> Rule:
    """Every number is `value`."""

    def fill(tensor: Tensor, _slot: Slot, _generator: Generator) -> None:
        tensor.fill_(value)

    return fill


def as_described(tensor: Tensor, slot: Slot, _generator: Generator) -> None:
    """What the description says that a learned scale or shift starts at."""
    tensor.fill_(slot.start)


def identity(alpha: float) -> Rule:
    """αI at the centre tap, in each group."""

    def fill(tensor: Tensor, slot: Slot, _generator: Generator) -> None:
        tensor.zero_()
        draws.identity(centre_taps(tensor, slot.layer), alpha)

    return fill


def orthogonal(tensor: Tensor, slot: Slot, generator: Generator) -> None:
    """The activation's gain times a random orthogonal matrix, in each group."""
    draws.orthogonal(matrices(tensor, slot.layer), slot.gain, generator)


def zero_unless_norm_follows(rule: Rule) -> Rule:
    """0 for a convolution that ends its branch; `rule` for one with a norm behind it, which can be zero instead."""

    def fill(tensor: Tensor, slot: Slot, generator: Generator) -> None:
        if slot.norm_ends_branch:
            rule(tensor, slot, generator)
        else:
            tensor.zero_()

    return fill
