"""An initialiser: a table from the role of a tensor to the rule that fills it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skipline.init.slot import Slot
from skipline.spec import Network
from skipline.theory.start import WeightLaw

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True, slots=True)
class Rule:
    """How one tensor starts: `fill` draws it, `law` says how it is distributed, from the same numbers.

    `fill` sets a CPU fp32 tensor; `law` touches none.
    """

    fill: Callable[[Tensor, Slot, Generator], None]
    law: Callable[[Slot], WeightLaw]


Requirement = Callable[[Network], None]
"""Raises `InitError` for a network that a scheme cannot start."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """`rules` has an entry for each of `conv.weight`, `conv.bias`, `conv.gain`, `norm.weight`, `norm.bias`,
    `linear.weight`, `linear.bias`, `attention.weight`, `attention.bias`, `scale.factor` and `shift.offset`; one with a
    role of the plan in front (`branch_end.norm.weight`) goes before it. `requires` refuses the networks that the scheme
    cannot start.
    """

    name: str
    equation: str
    source: str
    rules: Mapping[str, Rule]
    requires: Requirement

    def rule(self, role: str, tensor: str) -> Rule:
        """The rule for a tensor (`conv.weight`) of a step with this role."""
        return self.rules.get(f"{role}.{tensor}", self.rules[tensor])
