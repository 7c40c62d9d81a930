"""Batch norm, the addition and the rectifier behind it as one operation, with its gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from skipline.kernels.implementation import Kept, Kernels


def takes(kernels: Kernels, norm: nn.BatchNorm2d, x: Tensor, *, addend: Tensor | None = None) -> bool:
    """Whether `norm_rectify` can compute `norm` over x, and the addition of `addend`; see there."""
    channels = norm.num_features
    held = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    return (
        norm.training
        and norm.momentum is not None
        and all(t is not None and t.dtype == torch.float32 and t.device == x.device for t in held)
        and x.dtype in kernels.dtypes
        and x.device.type == kernels.device_type
        and x.ndim == 4
        and x.shape[1] == channels <= kernels.most_channels
        and x.numel() > channels
        and (addend is None or (addend.dtype == x.dtype and addend.device == x.device and addend.shape == x.shape))
    )


def norm_rectify(
    kernels: Kernels, norm: nn.BatchNorm2d, x: Tensor, *, slope: float, addend: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """`y = φ(norm(x) + addend)`, `φ(z) = max(z, slope · z)`, with the batch's own statistics: norm is in training.

    x, addend, y (N, C, H, W) on the kernels' device, all of one of their number formats (fp32 or bf16; fp16 too on
    CUDA), in channels-last order (others are copied into it), the norm in fp32; N · H · W > 1, C ≤ 16,384, slope in
    [0, 1]: 0 is the ReLU, 1 no rectifier. y comes under two names: what reads it twice, as a block's branch and
    shortcut do, takes both, and their gradients meet in the same sweep. Moves the running statistics as PyTorch does.
    Deviation: sums in fp32 (on the CPU and fp64) and one rounding at the end, where PyTorch rounds after the norm,
    after the addition and after the rectifier. The same bits each time, whatever the number of threads. Raises
    `MemoryError`, and `ValueError` for what it does not take (`takes`).
    """
    if not takes(kernels, norm, x, addend=addend):
        added = "" if addend is None else f" plus {tuple(addend.shape)} in {addend.dtype}"
        formats = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in kernels.dtypes))
        raise ValueError(
            f"the fused kernels do not take {norm} over {tuple(x.shape)} in {x.dtype} on {x.device}{added}. Expected a "
            "norm in training with weights and statistics in fp32 and a momentum, over more than one pixel, in one of "
            f"{formats}, all on {kernels.device_type}. PyTorch's own operations take the rest."
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
        x = x.contiguous(memory_format=torch.channels_last)
        if addend is not None:
            addend = addend.contiguous(memory_format=torch.channels_last)
        y, statistics = kernels.outputs(norm, x, addend, slope)
        ctx.save_for_backward(x, None if addend is None else y, weight, bias, statistics)
        ctx.slope, ctx.kernels = slope, kernels
        ctx.set_materialize_grads(False)
        return y, y.detach()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # its base has a placeholder
        ctx: Any, *gradients: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        kept = Kept(*ctx.saved_tensors, slope=ctx.slope)
        gradient, second = _gradients(gradients, adds=kept.y is not None)
        found = ctx.kernels.input_gradients(kept, gradient, second)
        return found.x, found.addend, found.weight, found.bias, None, None, None


def _gradients(gradients: tuple[Tensor | None, ...], *, adds: bool) -> tuple[Tensor, Tensor | None]:
    """What arrived, in channels-last order: one tensor, or two for the kernel to add where it takes two."""
    arrived = [g.contiguous(memory_format=torch.channels_last) for g in gradients if g is not None]
    if len(arrived) == 1:
        return arrived[0], None
    first, second = arrived
    return (first, second) if adds else (first + second, None)
