"""What a diagnosis knows of a network besides its signals: what its blocks are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from skipline.spec import Network
from skipline.spec.layers import ActivationKind, NormKind
from skipline.theory.depth_limit import is_normalised

Unit = Literal["plain", "residual", "unknown"]


@dataclass(frozen=True, slots=True)
class Traits:
    """`layers_per_block` is what a block adds to the depth.

    `is_normalised` says whether the signal is brought to a fixed size again and again, by norms or by standardised
    weights. `has_clean_shortcuts` is False where something stands on the way of the identity that acts on every block:
    a scale, a gate, dropout, a norm behind the addition, a projection in every block.
    """

    unit: Unit
    norm: NormKind | Literal["unknown"]
    activation: ActivationKind | Literal["unknown"]
    slope: float
    is_normalised: bool
    has_clean_shortcuts: bool
    layers_per_block: int


FOREIGN = Traits(
    unit="unknown",
    norm="unknown",
    activation="unknown",
    slope=0.0,
    is_normalised=False,
    has_clean_shortcuts=True,
    layers_per_block=1,
)
"""Those of a module of which no description is known."""


def traits_of(network: Network) -> Traits:
    """The traits of `network`; where its stages differ, those of the one with the most blocks."""
    stage = max(network.stages, key=lambda stage: stage.num_blocks)
    block = stage.block
    merge = block.merge
    is_clean = (
        merge.shortcut_scale == 1.0
        and merge.shortcut_dropout == 0.0
        and merge.gate == "none"
        and block.order != "norm_after_add"
        and not block.projects(changes_shape=False)
    )
    return Traits(
        unit="residual" if block.is_residual else "plain",
        norm=network.norm.kind,
        activation=network.activation.kind,
        slope=network.activation.slope,
        is_normalised=is_normalised(network),
        has_clean_shortcuts=is_clean,
        layers_per_block=2 if block.branch.kind == "basic" else 3,
    )
