"""How a training step runs a net: the one place where a recipe's kernels become a function of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from skipline.kernels import Kernels
from skipline.memory import KEEP_ALL, Keeping
from skipline.nn import ResidualNet
from skipline.train.memory.recompute import forward_through
from skipline.train.parts import Part
from skipline.train.recipe import Recipe
from skipline.train.speed.compiled import BlockGraphs, compiled_parts, sizes_of_parts
from skipline.train.speed.fusion import parts_of
from skipline.train.speed.kernels import kernels_for


def step_parts(net: ResidualNet, recipe: Recipe, device: torch.device) -> tuple[tuple[Part, ...], BlockGraphs | None]:
    """The parts of `net` as a step runs them, none where it runs as its modules do; and their graphs, if compiled.

    A net with reversible blocks has parts whatever its kernels: they run in chains.
    """
    chosen = kernels_for(recipe, device)
    if chosen.name == "compiled":
        graphs = BlockGraphs(sizes_of_parts(recipe.batch_size, recipe.accumulate))
        return tuple(compiled_parts(net, graphs)), graphs
    parts = parts_of(net, chosen.fused)
    runs_as_modules = chosen.fused is None and all(part.link is None for part in parts)
    return (() if runs_as_modules else tuple(parts)), None


def step_forward(net: ResidualNet, kernels: Kernels | None, keeping: Keeping = KEEP_ALL) -> Callable[[Tensor], Tensor]:
    """`net` as a step computes it, fused where there are `kernels`, as a function of images that keeps `keeping`."""
    return forward_through(parts_of(net, kernels), keeping)


def forward_of(net: ResidualNet, parts: Sequence[Part]) -> Callable[[Tensor], Tensor]:
    """`net` through `parts`, with all kept but what reversible blocks need not; itself where there are none."""
    return forward_through(parts, KEEP_ALL) if parts else net
