"""An initialiser: a table from the role of a tensor to the rule that fills it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Generator, Tensor

from skipline.init.fans import Fans, fans
from skipline.init.gain import gain
from skipline.spec import Network, Step
from skipline.spec.layers import Conv, EfficientAttention, Layer, LearnedScale, LearnedShift, Linear


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a tensor stands: all that a rule may know about it.

    `norm_ends_branch` says whether it stands in a branch whose last convolution has a norm behind it. `part` is the
    primitive layer whose tensor it is: the step's own, or one of those that channel attention is made of.
    """

    step: Step
    network: Network
    norm_ends_branch: bool
    part: Layer

    @property
    def layer(self) -> Conv | Linear:
        """The weighted layer here; a norm has no fans."""
        assert isinstance(self.part, Conv | Linear)
        return self.part

    @property
    def fans(self) -> Fans:
        """The fans of the weighted layer here."""
        return fans(self.part if isinstance(self.part, EfficientAttention) else self.layer)

    @property
    def start(self) -> float:
        """What the learned scale or shift here is before training."""
        assert isinstance(self.part, LearnedScale | LearnedShift)
        return self.part.start

    @property
    def gain(self) -> float:
        """The gain of the network's activation."""
        return gain(self.network.activation)


Rule = Callable[[Tensor, Slot, Generator], None]
"""Fills a CPU fp32 tensor."""

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
