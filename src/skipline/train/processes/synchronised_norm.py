"""Batch norm over the images of all processes: the statistics of the whole batch, whoever computes which images."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from skipline.nn import ResidualNet


class SynchronisedNorm(nn.Module):
    """`norm` with mean and variance over the images of all processes; a norm that is frozen stays as it is.

    PyTorch's SyncBatchNorm runs on CUDA alone. This one is written in operations of every device and every group.
    Weights and running statistics are those of `norm`, and they move as with one process.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W); N may differ between processes."""
        norm = self.norm
        if not norm.training:
            return norm(x)
        return _Normalise.apply(x, norm.weight, norm.bias, norm)  # pyright: ignore[reportReturnType]  # apply: Any


class _Normalise(torch.autograd.Function):
    """`y = γ x̂ + β`, `x̂ = (x − μ) / √(σ² + ε)` with μ, σ² over all m pixels of all processes.

    Backward, with g = ∂L/∂y and sums over all processes: `∂L/∂x = γ / √(σ² + ε) · (g − Σg / m − x̂ Σ(g x̂) / m)` (Ioffe
    & Szegedy 2015, arXiv 1502.03167, section 3). γ and β get this process's sums: the gradients of all parameters are
    added up later, and these with them. Each process takes mean and variance of its own pixels; what is added up are
    n, n mean and n (variance + mean²), in fp64, so that nothing is lost where the mean is large.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        variance, mean = torch.var_mean(wide, dim=(0, 2, 3), correction=0)
        num = torch.full_like(mean, wide.numel() / len(mean), dtype=torch.float64)
        sums = torch.stack([num, num * mean, num * (variance.double() + mean.double() ** 2)])
        dist.all_reduce(sums)
        num, mean = sums[0], sums[1] / sums[0]
        variance = (sums[2] / num - mean**2).clamp_(min=0)
        _move(norm, mean, variance * num / (num - 1))
        inverse = (variance + norm.eps).rsqrt().to(wide.dtype)
        normalised = (wide - _spread(mean.to(wide.dtype))) * _spread(inverse)
        ctx.save_for_backward(x, weight, mean.to(wide.dtype), inverse, num)
        return (normalised * _spread(weight) + _spread(bias)).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # its base has a placeholder
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, ...]:
        x, weight, mean, inverse, num = ctx.saved_tensors
        wide = gradient.to(mean.dtype)
        normalised = (x.to(mean.dtype) - _spread(mean)) * _spread(inverse)
        own = torch.stack([wide.sum(dim=(0, 2, 3)), (wide * normalised).sum(dim=(0, 2, 3))])
        sums = own.to(torch.float64, copy=True)  # `own` stays this process's
        dist.all_reduce(sums)
        shift, slope = (sums / num).to(mean.dtype)
        x_gradient = (wide - _spread(shift) - normalised * _spread(slope)) * _spread(inverse * weight)
        return x_gradient.to(x.dtype), own[1].to(weight.dtype), own[0].to(weight.dtype), None


def _move(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    """The running statistics a step on, as PyTorch moves them: the variance without bias."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.momentum is not None
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), norm.momentum)
    norm.running_var.lerp_(variance.to(norm.running_var.dtype), norm.momentum)


def _spread(channels: Tensor) -> Tensor:
    """(C,) → (1, C, 1, 1)."""
    return channels[None, :, None, None]


def synchronised(net: ResidualNet) -> ResidualNet:
    """A net of the same layers and tensors as `net` with its batch norms synchronised: nothing is copied.

    Only what holds other modules is made anew, so `net` stays as it was: what trains in one trains in the other.
    """
    kept: dict[int, Any] = {id(net.network): net.network}
    for tensor in (*net.parameters(), *net.buffers()):
        kept[id(tensor)] = tensor
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            kept[id(module)] = SynchronisedNorm(module)
        elif not any(True for _ in module.children()):
            kept[id(module)] = module
    return copy.deepcopy(net, kept)
