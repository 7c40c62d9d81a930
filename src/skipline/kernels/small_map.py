"""Convolutions on small maps as products of matrices: one for each place of the filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# Least products of channels for a place of the output map. Measured (AMD EPYC without AVX-512, one thread, fp32, 16 to
# 128 images, forward and backward): at 1,820 and above 0.04 to 1.1 of PyTorch's time, at 1,024 and below up to 1.7.
_LEAST_CHANNELS = 1_800
_ROW = 16  # numbers in 64 bytes: products of aligned rows have the same bits each time


@dataclass(frozen=True, slots=True)
class _Reach:
    """Along one axis: the places of the `output` that a place of the filter serves, and those of the `input` it reads.

    `place` is that of the filter; both slices have the same length.
    """

    place: int
    output: slice
    input: slice


def takes_small_map(conv: nn.Module, x: Tensor) -> bool:
    """Whether `convolve_small_map` computes `conv` over x, and is quicker than PyTorch's own convolution.

    A plain fp32 convolution on the CPU, without groups, dilation, bias or autocast, whose channels are many for the
    size of its output map: 512 of 7×7, 256 of 6×6, 128 of 3×3.
    """
    if type(conv) is not nn.Conv2d or x.ndim != 4 or x.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return False
    channels = conv.in_channels * conv.out_channels
    return (
        x.dtype == conv.weight.dtype == torch.float32
        and max(conv.kernel_size) > 1
        and conv.groups == 1
        and conv.dilation == (1, 1)
        and conv.bias is None
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
        and conv.in_channels % _ROW == conv.out_channels % _ROW == 0
        and x.shape[1] == conv.in_channels
        and channels >= _LEAST_CHANNELS * max(1, _num_places(conv, x))
        and _num_places(conv, x) > 0
    )


def convolve_small_map(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """`y[n, p] = Σ_t w[t] x[n, s p + t − padding]`, the sum over the places t of the filter that meet the image.

    x (N, C, H, W) → (N, O, H', W'), both in channels-last order (others are copied into it), for what
    `takes_small_map`. What a filter would multiply with the zeros around the image is left out: on a map of 2×2 a 3×3
    filter has 16 products of 36, on one of 7×7 361 of 441. A convolution's own kernels put all weights into another
    order at each call; here each is read where it lies, and its gradient written there.
    """
    stride, padding = conv.stride, conv.padding
    assert not isinstance(padding, str)  # takes_small_map
    return _SmallMap.apply(x, conv.weight, stride, padding)  # pyright: ignore[reportReturnType]  # apply gives Any


def _small_map(x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int]) -> Tensor:
    rows = x.permute(0, 2, 3, 1)
    y = x.new_zeros(len(x), *_sizes(x, weight, stride, padding), weight.shape[0])
    for down, across in _reaches(x, weight, stride, padding):
        seen = rows[:, down.input, across.input]
        y[:, down.output, across.output] += seen @ weight[:, :, down.place, across.place].T
    return y.permute(0, 3, 1, 2)


# One operation to PyTorch, as its own convolution is: what keeps the results of convolutions keeps this one's.
_LIBRARY = torch.library.Library("skipline", "FRAGMENT")
_LIBRARY.define("small_map(Tensor x, Tensor weight, int[] stride, int[] padding) -> Tensor")
_LIBRARY.impl("small_map", _small_map, "CPU")
SMALL_MAP = torch.ops.skipline.small_map.default


class _SmallMap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: tuple[int, ...], padding: tuple[int, ...]) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return SMALL_MAP(x, weight, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # its base has a placeholder
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        reaches = _reaches(x, weight, ctx.stride, ctx.padding)
        rows, arrived = x.permute(0, 2, 3, 1), gradient.permute(0, 2, 3, 1)
        x_gradient = torch.zeros_like(rows) if ctx.needs_input_grad[0] else None
        weight_gradient = torch.empty_like(weight) if ctx.needs_input_grad[1] else None
        if weight_gradient is not None and len(reaches) < weight[0, 0].numel():
            weight_gradient.zero_()  # places that meet no image
        for down, across in reaches:
            got = arrived[:, down.output, across.output].reshape(-1, weight.shape[0])
            seen = rows[:, down.input, across.input]
            if weight_gradient is not None:
                part = weight_gradient[:, :, down.place, across.place]
                torch.mm(got.T, seen.reshape(-1, weight.shape[1]), out=part)
            if x_gradient is not None:
                back = got @ weight[:, :, down.place, across.place]
                x_gradient[:, down.input, across.input] += back.view(seen.shape)
        return (None if x_gradient is None else x_gradient.permute(0, 3, 1, 2)), weight_gradient, None, None


def _reaches(x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int]) -> list[tuple[_Reach, _Reach]]:
    """For each place of the filter that meets the image anywhere, its reach down and across."""
    size = _sizes(x, weight, stride, padding)
    down, across = (
        [
            reach
            for place in range(weight.shape[2 + axis])
            if (reach := _reach(place, x.shape[2 + axis], size[axis], stride[axis], padding[axis])) is not None
        ]
        for axis in (0, 1)
    )
    return [(first, second) for first in down for second in across]


def _reach(place: int, num_inputs: int, num_outputs: int, stride: int, padding: int) -> _Reach | None:
    """None where the place only ever lies on the zeros around the image."""
    offset = place - padding  # output p reads input stride · p + offset
    begin = max(0, -(offset // stride))
    end = min(num_outputs, (num_inputs - 1 - offset) // stride + 1)
    if begin >= end:
        return None
    first = stride * begin + offset
    return _Reach(place, slice(begin, end), slice(first, first + stride * (end - begin - 1) + 1, stride))


def _sizes(x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int]) -> tuple[int, int]:
    """Height and width of the output."""
    height, width = (
        (x.shape[2 + axis] + 2 * padding[axis] - weight.shape[2 + axis]) // stride[axis] + 1 for axis in (0, 1)
    )
    return height, width


def _num_places(conv: nn.Conv2d, x: Tensor) -> int:
    assert not isinstance(conv.padding, str)
    height, width = _sizes(x, conv.weight, conv.stride, conv.padding)
    return max(0, height) * max(0, width)
