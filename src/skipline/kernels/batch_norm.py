"""Batch norm, the addition and the rectifier behind it as one operation, with its gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from skipline.kernels.library import Kernels

_FORMATS = {torch.bfloat16: "bf16", torch.float32: "fp32"}
_MOST_CHANNELS = 16_384  # two rows of fp32 sums lie on a thread's stack, 128 KiB of its 2 MiB or more


def takes(norm: nn.BatchNorm2d, x: Tensor, addend: Tensor | None = None) -> bool:
    """Whether `norm_rectify` can compute `norm` over x, and the addition of `addend`; see there."""
    channels = norm.num_features
    held = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    return (
        norm.training
        and norm.momentum is not None
        and all(t is not None and t.dtype == torch.float32 and t.device.type == "cpu" for t in held)
        and x.dtype in _FORMATS
        and x.device.type == "cpu"
        and x.ndim == 4
        and x.shape[1] == channels <= _MOST_CHANNELS
        and x.numel() > channels
        and (addend is None or (addend.dtype == x.dtype and addend.device == x.device and addend.shape == x.shape))
    )


def norm_rectify(
    kernels: Kernels, norm: nn.BatchNorm2d, x: Tensor, *, slope: float, addend: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """`y = φ(norm(x) + addend)`, `φ(z) = max(z, slope · z)`, with the batch's own statistics: norm is in training.

    x, addend, y (N, C, H, W) on the CPU, all bf16 or all fp32, in channels-last order (others are copied into it), the
    norm in fp32; N · H · W > 1, C ≤ 16,384, slope in [0, 1]: 0 is the ReLU, 1 no rectifier. y comes under two names:
    what reads it twice, as a block's branch and shortcut do, takes both, and their gradients meet in the same sweep.
    Moves the running statistics as PyTorch does. Deviation: sums in fp32 and fp64 and one rounding at the end, where
    PyTorch rounds after the norm, after the addition and after the rectifier. The same bits whatever the number of
    threads. Raises `MemoryError`, and `ValueError` for what it does not take (`takes`).
    """
    if not takes(norm, x, addend):
        added = "" if addend is None else f" plus {tuple(addend.shape)} in {addend.dtype}"
        raise ValueError(
            f"the fused kernels do not take {norm} over {tuple(x.shape)} in {x.dtype} on {x.device}{added}. Expected a "
            "norm in training with weights and statistics in fp32 and a momentum, over more than one pixel of bf16 or "
            "fp32 on the CPU. PyTorch's own operations take the rest."
        )
    return _NormRectify.apply(  # pyright: ignore[reportReturnType]  # torch's stubs: apply gives Any
        x, addend, norm.weight, norm.bias, norm, slope, kernels
    )


class _NormRectify(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        addend: Tensor | None,
        weight: Tensor,
        bias: Tensor,
        norm: nn.BatchNorm2d,
        slope: float,
        kernels: Kernels,
    ) -> tuple[Tensor, Tensor]:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.momentum is not None
        x = x.contiguous(memory_format=torch.channels_last)
        if addend is not None:
            addend = addend.contiguous(memory_format=torch.channels_last)
        y = torch.empty_like(x)
        mean, inverse_deviation = torch.empty_like(weight), torch.empty_like(weight)
        failed = kernels.forward[_FORMATS[x.dtype]](
            x.data_ptr(),
            None if addend is None else addend.data_ptr(),
            y.data_ptr(),
            *_rows_and_channels(x),
            weight.data_ptr(),
            bias.data_ptr(),
            norm.running_mean.data_ptr(),
            norm.running_var.data_ptr(),
            norm.momentum,
            norm.eps,
            slope,
            mean.data_ptr(),
            inverse_deviation.data_ptr(),
            torch.get_num_threads(),
        )
        _require_memory(failed, x)
        ctx.save_for_backward(x, None if addend is None else y, weight, bias, mean, inverse_deviation)
        ctx.slope, ctx.kernels = slope, kernels
        ctx.set_materialize_grads(False)
        return y, y.detach()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # its base has a placeholder
        ctx: Any, *gradients: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        x, y, weight, bias, mean, inverse_deviation = ctx.saved_tensors
        gradient, second = _gradients(gradients, adds=y is not None)
        x_gradient = torch.empty_like(x)
        addend_gradient = None if y is None else torch.empty_like(x)
        weight_gradient, bias_gradient = torch.empty_like(weight), torch.empty_like(weight)
        failed = ctx.kernels.backward[_FORMATS[x.dtype]](
            gradient.data_ptr(),
            None if second is None else second.data_ptr(),
            x.data_ptr(),
            None if y is None else y.data_ptr(),
            *_rows_and_channels(x),
            weight.data_ptr(),
            bias.data_ptr(),
            mean.data_ptr(),
            inverse_deviation.data_ptr(),
            ctx.slope,
            x_gradient.data_ptr(),
            None if addend_gradient is None else addend_gradient.data_ptr(),
            weight_gradient.data_ptr(),
            bias_gradient.data_ptr(),
            torch.get_num_threads(),
        )
        _require_memory(failed, x)
        return x_gradient, addend_gradient, weight_gradient, bias_gradient, None, None, None


def _gradients(gradients: tuple[Tensor | None, ...], *, adds: bool) -> tuple[Tensor, Tensor | None]:
    """What arrived, in channels-last order: one tensor, or two for the kernel to add where it takes two."""
    arrived = [g.contiguous(memory_format=torch.channels_last) for g in gradients if g is not None]
    if len(arrived) == 1:
        return arrived[0], None
    first, second = arrived
    return (first, second) if adds else (first + second, None)


def _rows_and_channels(x: Tensor) -> tuple[int, int]:
    images, channels, height, width = x.shape
    return images * height * width, channels


def _require_memory(failed: int, x: Tensor) -> None:
    if failed:
        raise MemoryError(f"no memory for the sums of a batch norm over {tuple(x.shape)}")
