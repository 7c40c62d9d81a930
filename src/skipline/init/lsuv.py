"""LSUV: orthonormal weights, each layer's output brought to unit variance on a batch of images."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from skipline.init.error import InitError
from skipline.init.probe import probing
from skipline.nn import ResidualNet
from skipline.spec import unfold
from skipline.spec.layers import Conv, Linear

_LEAST = 1e-20  # derived: 1/std and its square stay within fp32


def lsuv(net: ResidualNet, images: Tensor) -> None:
    """`W ← W / std(W x)`, layer by layer, so that every layer with weights gives standard deviation 1 on `images`.

    Mishkin & Matas 2015, arXiv 1511.06422, algorithm 1, which runs the net at least once for every layer and ends
    within 0.1. Here a layer is corrected while the signal passes it and hands on what it gives then, which is exact
    where its bias is 0: one forward pass, linear in depth. Raises `InitError` where a layer gives one number only.
    """
    names = [step.name for step in unfold(net.network).steps() if isinstance(step.layer, Conv | Linear)]
    hooks = [net.get_submodule(name).register_forward_hook(partial(_unit_variance, name)) for name in names]
    try:
        with torch.no_grad(), probing(net):
            net(images)
    finally:
        for hook in hooks:
            hook.remove()


def _unit_variance(name: str, layer: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    """Divide the layer's weights by the deviation of what it gives; give that divided too."""
    std = output.float().std(correction=0).item()  # one transfer a layer, once before training
    if not math.isfinite(std) or std < _LEAST:
        raise InitError(
            f"lsuv: {name} gives numbers of standard deviation {std:g}, which no factor brings to 1. "
            "Give it images that differ, or use he_fan_in_normal."
        )
    layer.get_parameter("weight").div_(std)
    return output / std
