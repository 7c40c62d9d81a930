"""How many numbers a weight reads and feeds, and how PyTorch lays them out: no other file of `init` knows a layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from skipline.spec.layers import Conv, EfficientAttention, Linear

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Fans:
    """`fan_in` = C_in / groups · k², the inputs of one output; `fan_out` = C_out / groups · k², the outputs of one."""

    fan_in: int
    fan_out: int


def fans(layer: Conv | EfficientAttention | Linear) -> Fans:
    """The fans of `layer`'s weight, of He et al. 2015 (arXiv 1502.01852, section 2.2) with groups."""
    if isinstance(layer, Linear):
        return Fans(layer.in_features, layer.out_features)
    if isinstance(layer, EfficientAttention):  # one filter along the channels
        return Fans(layer.kernel, layer.kernel)
    taps = layer.kernel * layer.kernel
    return Fans(layer.in_channels // layer.groups * taps, layer.out_channels // layer.groups * taps)


def matrices(weight: Tensor, layer: Conv | Linear) -> Tensor:
    """A view (groups, C_out / groups, fan_in) of `weight`: the matrix that each group multiplies a patch by."""
    groups = layer.groups if isinstance(layer, Conv) else 1
    return weight.view(groups, weight.shape[0] // groups, -1)


def centre_taps(weight: Tensor, layer: Conv | Linear) -> Tensor:
    """A view (groups, C_out / groups, C_in / groups) of the centre taps of `weight`."""
    if isinstance(layer, Linear):
        return weight.unsqueeze(0)
    centre = layer.kernel // 2
    return weight[:, :, centre, centre].view(layer.groups, -1, weight.shape[1])
