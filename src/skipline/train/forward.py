"""How a training step runs a net: the one place where a recipe's kernels become a function of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from skipline.nn import ResidualNet
from skipline.train.compiled import BlockGraphs, compiled_parts, sizes_of_parts
from skipline.train.fusion import Part, fused_parts, one_function
from skipline.train.kernels import choose_kernels
from skipline.train.recipe import Recipe


def step_parts(net: ResidualNet, recipe: Recipe, device: torch.device) -> tuple[tuple[Part, ...], BlockGraphs | None]:
    """The parts of `net` as a step runs them, none where it runs as its modules do; and their graphs, if compiled."""
    chosen = choose_kernels(recipe.kernels, device, recipe.memory_layout)
    if chosen.name == "compiled":
        graphs = BlockGraphs(sizes_of_parts(recipe.batch_size, recipe.accumulate))
        return tuple(compiled_parts(net, graphs)), graphs
    return (() if chosen.compiled is None else tuple(fused_parts(net, chosen.compiled))), None


def forward_of(net: ResidualNet, parts: Sequence[Part]) -> Callable[[Tensor], Tensor]:
    """`net` through `parts`; itself where there are none."""
    return one_function(parts) if parts else net
