"""What computes the fused batch norm on one type of device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


class KernelError(RuntimeError):
    """Why there are no fused kernels here; the message ends with what would bring them."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a forward pass keeps for its backward pass; y only where something was added.

    `statistics`: of the batch, in fp32, as the implementation's own two passes agree on them.
    """

    x: Tensor
    y: Tensor | None
    weight: Tensor
    bias: Tensor
    statistics: Tensor
    slope: float


@dataclass(frozen=True, slots=True)
class Gradients:
    """Of x, the addend (if there is one), the weight and the bias."""

    x: Tensor
    addend: Tensor | None
    weight: Tensor
    bias: Tensor


Outputs = Callable[[nn.BatchNorm2d, Tensor, Tensor | None, float], tuple[Tensor, Tensor]]
"""From a norm, x, the addend and the slope to y and the statistics; moves the running statistics."""
InputGradients = Callable[[Kept, Tensor, Tensor | None], Gradients]
"""From the gradient of y, and a second one to be added to it, which comes only where something was added."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """The two passes of `norm_rectify` for tensors on `device_type`, in channels-last order, of one of `dtypes`.

    `key` stands for all that decides their machine code, and so the bits that they compute; `origin` is who compiled
    them, in words.
    """

    device_type: str
    dtypes: frozenset[torch.dtype]
    most_channels: int
    key: str
    origin: str
    outputs: Outputs
    input_gradients: InputGradients


def rows_and_channels(x: Tensor) -> tuple[int, int]:
    """An image batch in channels-last order as a table: `N · H · W` rows of C numbers."""
    images, channels, height, width = x.shape
    return images * height * width, channels
