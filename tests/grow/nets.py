"""Nets to grow: small, and with weights and statistics as training leaves them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skipline.init import build
from skipline.nn import ResidualNet
from skipline.spec import Block, Head, Network, Stage, Stem


def small(*, block: Block | None = None, num_blocks: tuple[int, ...] = (1, 2), **switches: Any) -> Network:
    """Two stages of 4 and 8 channels, the second with half the pixels; images of three channels, five classes."""
    block = block or Block()
    widths = (4, 8, 16)
    expansion = 4 if block.branch.kind == "bottleneck" else 1
    stages = tuple(
        Stage(count, expansion * widths[number], widths[number], stride=1 if number == 0 else 2, block=block)
        for number, count in enumerate(num_blocks)
    )
    return Network("small", 3, Stem((4,)), stages, Head(5), **switches)


def trained(network: Network, *, seed: int = 0) -> ResidualNet:
    """The net of `network` as if it had been trained: no norm, statistic or scale is where it starts."""
    net = build(network, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim <= 1:
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
        for name, buffer in net.named_buffers():
            drawn = torch.randn(buffer.shape, generator=generator)
            buffer.copy_(0.5 + drawn.abs() if name.endswith("running_var") else 0.3 * drawn)
    return net


def images(num: int = 6, *, size: int = 8, seed: int = 1) -> Tensor:
    """(num, 3, size, size), standard normal."""
    return torch.randn(num, 3, size, size, generator=torch.Generator().manual_seed(seed))
