"""The rules that schemes are made of: each fills one tensor from its slot, and says how it is distributed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from skipline.init import draws
from skipline.init.fans import centre_taps, matrices
from skipline.init.scheme import Rule
from skipline.init.slot import Slot
from skipline.theory.start import WeightKind, WeightLaw

if TYPE_CHECKING:
    from torch import Generator, Tensor

    Draw = Callable[[Tensor, Slot, float, Generator], None]

Variance = Callable[[Slot], float]
Scale = Callable[[Slot], float]


def rule(kind: WeightKind, scale: Scale, draw: Draw) -> Rule:
    """The law of this kind with `scale(slot)`, and `draw(tensor, slot, scale, generator)`, which fills by it."""

    def law(slot: Slot) -> WeightLaw:
        return WeightLaw(kind, scale(slot))

    def fill(tensor: Tensor, slot: Slot, generator: Generator) -> None:
        draw(tensor, slot, scale(slot), generator)

    return Rule(fill, law)


def normal(variance: Variance) -> Rule:
    """Independent N(0, variance)."""

    def draw(tensor: Tensor, _slot: Slot, std: float, generator: Generator) -> None:
        draws.normal(tensor, std, generator)

    return rule("independent", lambda slot: math.sqrt(variance(slot)), draw)


def uniform(variance: Variance) -> Rule:
    """Independent and uniform around 0 with this variance."""

    def draw(tensor: Tensor, _slot: Slot, std: float, generator: Generator) -> None:
        draws.uniform(tensor, std, generator)

    return rule("independent", lambda slot: math.sqrt(variance(slot)), draw)


def constant(value: float) -> Rule:
    """Every number is `value`."""
    return rule("constant", lambda _slot: value, _fill)


def as_described() -> Rule:
    """What the description says that a learned scale or shift starts at."""
    return rule("constant", lambda slot: slot.start, _fill)


def identity(alpha: float) -> Rule:
    """αI at the centre tap, in each group."""

    def draw(tensor: Tensor, slot: Slot, alpha: float, _generator: Generator) -> None:
        tensor.zero_()
        draws.identity(centre_taps(tensor, slot.layer), alpha)

    return rule("identity", lambda _slot: alpha, draw)


def orthogonal() -> Rule:
    """The activation's gain times a random orthogonal matrix, in each group."""
    return rule("orthogonal", lambda slot: slot.gain, _draw_orthogonal)


def orthonormal() -> Rule:
    """A random matrix with orthonormal rows or columns, in each group: `orthogonal` without a gain."""
    return rule("orthogonal", lambda _slot: 1.0, _draw_orthogonal)


def delta_orthogonal() -> Rule:
    """The activation's gain times a random matrix with orthonormal columns at the centre tap, in each group; else 0."""

    def draw(tensor: Tensor, slot: Slot, gain: float, generator: Generator) -> None:
        tensor.zero_()
        draws.orthogonal(centre_taps(tensor, slot.layer), gain, generator)

    return rule("delta_orthogonal", lambda slot: slot.gain, draw)


def zero_unless_norm_follows(other: Rule) -> Rule:
    """0 for a convolution that ends its branch; `other` for one with a norm behind it, which can be zero instead."""
    zero = constant(0.0)

    def chosen(slot: Slot) -> Rule:
        return other if slot.norm_ends_branch else zero

    def fill(tensor: Tensor, slot: Slot, generator: Generator) -> None:
        chosen(slot).fill(tensor, slot, generator)

    return Rule(fill, law=lambda slot: chosen(slot).law(slot))


def _fill(tensor: Tensor, _slot: Slot, value: float, _generator: Generator) -> None:
    tensor.fill_(value)


def _draw_orthogonal(tensor: Tensor, slot: Slot, gain: float, generator: Generator) -> None:
    draws.orthogonal(matrices(tensor, slot.layer), gain, generator)
