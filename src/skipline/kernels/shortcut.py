"""Option A's shortcut, subsampling and padding, as one operation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def subsample_and_pad(x: Tensor, *, stride: int, before: int, after: int) -> Tensor:
    """`x[:, :, ::stride, ::stride]`, `before` channels of zeros in front and `after` behind, in channels-last order.

    (N, C, H, W) → (N, before + C + after, ⌈H/stride⌉, ⌈W/stride⌉). Each number is written once, forward and backward;
    PyTorch's own slices, averages and paddings write most of them two or three times.
    """
    return _SubsampleAndPad.apply(x, stride, before, after)  # pyright: ignore[reportReturnType]  # apply gives Any


class _SubsampleAndPad(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, stride: int, before: int, after: int) -> Tensor:
        images, channels, height, width = x.shape
        ctx.shape, ctx.stride, ctx.before = x.shape, stride, before
        size = (images, before + channels + after, -(-height // stride), -(-width // stride))
        y = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
        y[:, :before].zero_()
        y[:, before : before + channels].copy_(x[:, :, ::stride, ::stride])
        y[:, before + channels :].zero_()
        return y

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # its base has a placeholder
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None, None]:
        x_gradient = torch.empty(
            ctx.shape, dtype=gradient.dtype, device=gradient.device, memory_format=torch.channels_last
        ).zero_()
        kept = gradient[:, ctx.before : ctx.before + ctx.shape[1]]
        x_gradient[:, :, :: ctx.stride, :: ctx.stride].copy_(kept)
        return x_gradient, None, None, None
