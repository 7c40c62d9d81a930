"""Weights times a number: the σ_w of any scheme, turned up or down."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from skipline.init.error import InitError
from skipline.init.require import each_of, free_weights
from skipline.init.scheme import Rule, Scheme
from skipline.init.slot import Slot
from skipline.theory.start import WeightLaw

if TYPE_CHECKING:
    from torch import Generator, Tensor


def scaled(factor: float, scheme: Scheme) -> Scheme:
    """`scheme`, but every convolution's weights times `factor`; biases, norms and the classifier as they are.

    `σ_w = √(fan_in · Var W)` of every layer becomes `factor · σ_w`: so `scaled(0.9, critical(0.05))` goes down from
    the critical line along σ_b² = 0.05 (arXiv 1611.01232, figure 1), and `scaled(0.5, dirac)` is αI, α = 0.5, with an
    ordinary classifier. A norm behind a convolution takes the factor out again. Raises `InitError` unless factor > 0,
    and at build for a network whose convolutions rescale their filters.
    """
    if not (factor > 0 and math.isfinite(factor)):
        raise InitError(f"scaled needs a number above 0 and got {factor}. Use scaled(1.5, {scheme.name}).")
    rules = {
        name: _times(factor, rule) if name.endswith("conv.weight") else rule for name, rule in scheme.rules.items()
    }
    return replace(
        scheme,
        name=f"scaled({float(factor)!r}, {scheme.name})",
        equation=f"{scheme.equation}; all times {factor:g}",
        source=f"{scheme.source}; arXiv 1611.01232, figure 1",
        rules=rules,
        requires=each_of(free_weights("scaled"), scheme.requires),
    )


def _times(factor: float, rule: Rule) -> Rule:
    def fill(tensor: Tensor, slot: Slot, generator: Generator) -> None:
        rule.fill(tensor, slot, generator)
        tensor.mul_(factor)

    def law(slot: Slot) -> WeightLaw:
        found = rule.law(slot)
        return replace(found, scale=factor * found.scale)

    return Rule(fill, law)
