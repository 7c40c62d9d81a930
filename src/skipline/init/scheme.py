"""An initialiser: a table from the role of a tensor to the rule that fills it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Generator, Tensor

from skipline.init.fans import Fans, fans
from skipline.init.gain import gain
from skipline.spec import Block, Network, Step
from skipline.spec.layers import Conv, Linear


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor stands: all that a rule may know about it."""

    step: Step
    network: Network

    @property
    def layer(self) -> Conv | Linear:
        """The weighted layer here; a norm has no fans."""
        assert isinstance(self.step.layer, Conv | Linear)
        return self.step.layer

    @property
    def fans(self) -> Fans:
        """The fans of the weighted layer here."""
        return fans(self.layer)

    @property
    def gain(self) -> float:
        """The gain of the network's activation."""
        return gain(self.network.activation)

    @property
    def norm_ends_branch(self) -> bool:
        """Whether the branches of this stage end in a norm; for steps inside a stage only."""
        number = int(self.step.name.split(".", 1)[0].removeprefix("stage"))
        return norm_ends_branch(self.network, self.network.stages[number - 1].block)


Rule = Callable[[Tensor, Place, Generator], None]
"""Fills a CPU fp32 tensor."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """`rules` has an entry for each of `conv.weight`, `conv.bias`, `norm.weight`, `norm.bias`, `linear.weight` and
    `linear.bias`; one with a role of the plan in front (`branch_end.norm.weight`) goes before it. `requires` raises
    `InitError` for a network that the scheme cannot start.
    """

    name: str
    equation: str
    source: str
    rules: Mapping[str, Rule]
    requires: Callable[[Network], None]

    def rule(self, role: str, tensor: str) -> Rule:
        """The rule for a tensor (`conv.weight`) of a step with this role."""
        return self.rules.get(f"{role}.{tensor}", self.rules[tensor])


def norm_ends_branch(network: Network, block: Block) -> bool:
    """Whether a norm stands behind the last convolution of this block's branch."""
    return network.norm.kind != "none" and block.order not in ("pre", "norm_after_add")
