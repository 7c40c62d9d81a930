"""The ways to compute one and the same training step: a table, from which measuring chooses."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch

from skipline.train.error import RecipeError
from skipline.train.recipe import Recipe
from skipline.train.speed.kernels import kernels_for
from skipline.train.speed.layout import MemoryLayout
from skipline.train.speed.precision import compute_dtype

SETTINGS = ("precision", "memory_layout", "kernels", "step_graph")
"""The settings of a recipe that a way decides."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to compute a step, by the settings of a recipe.

    Without `fused_optimiser` it is there to compare with and is never chosen: a run that has left the finite numbers is
    halted by the fused optimisers.
    """

    name: str
    precision: Literal["fp32", "bf16"]
    memory_layout: MemoryLayout
    kernels: Literal["plain", "fused", "compiled"]
    step_graph: bool = False
    fused_optimiser: bool = True

    @property
    def settings(self) -> dict[str, Any]:
        """What it sets in a recipe."""
        return {name: value for name, value in asdict(self).items() if name in SETTINGS}

    def applied(self, recipe: Recipe) -> Recipe:
        """`recipe`, computed this way; raises `RecipeError` where it cannot be."""
        return replace(recipe, **self.settings)


WAYS = (
    Way("as in tutorials", "fp32", "contiguous", "plain", fused_optimiser=False),
    Way("fp32", "fp32", "contiguous", "plain"),
    Way("fp32 channels-last", "fp32", "channels_last", "plain"),
    Way("bf16", "bf16", "contiguous", "plain"),
    Way("bf16 channels-last", "bf16", "channels_last", "plain"),
    Way("fp32 fused", "fp32", "channels_last", "fused"),
    Way("bf16 fused", "bf16", "channels_last", "fused"),
    Way("fp32 compiled", "fp32", "channels_last", "compiled"),
    Way("bf16 compiled", "bf16", "channels_last", "compiled"),
    Way("fp32 CUDA graph", "fp32", "channels_last", "plain", step_graph=True),
    Way("bf16 CUDA graph", "bf16", "channels_last", "plain", step_graph=True),
    Way("fp32 fused, CUDA graph", "fp32", "channels_last", "fused", step_graph=True),
    Way("bf16 fused, CUDA graph", "bf16", "channels_last", "fused", step_graph=True),
    Way("bf16 compiled, CUDA graph", "bf16", "channels_last", "compiled", step_graph=True),
)
"""All of them; those that a machine or a network does not have say so when they are tried."""


def own_way(recipe: Recipe, device: torch.device) -> Way:
    """The way that `recipe` means on `device` as it stands, where nothing was measured.

    Raises `RecipeError` where the device cannot do what it asks for.
    """
    kernels = kernels_for(recipe, device).name
    is_bf16 = compute_dtype(recipe.precision, device) == torch.bfloat16
    meant = Way("", "bf16" if is_bf16 else "fp32", recipe.memory_layout, kernels, recipe.step_graph)
    return next((way for way in WAYS if replace(way, name="") == meant), replace(meant, name="as the recipe says"))


def graphed(recipe: Recipe, device: torch.device) -> Recipe:
    """`recipe` with its steps as one CUDA graph each, where `device` has such graphs and every step is the same.

    A graph changes no bit of what the same kernels give (`auto` takes the fused ones in it), and is made within four
    steps. Images that grow from epoch to epoch would have it made anew.
    """
    if device.type != "cuda" or recipe.shard or recipe.first_size < 1:
        return recipe
    try:
        return replace(recipe, step_graph=True)
    except RecipeError:
        return recipe
