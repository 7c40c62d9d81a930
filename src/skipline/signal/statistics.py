"""What is computed of a tensor where it is: a row of numbers that stays on its device.

Squares are taken of x / max|x| in fp32 (fp64 for fp64), so that nothing over- or underflows that fp32 can hold itself,
and what is summed over a whole tensor is put together in fp64. Nothing here waits for the device, and nothing is under
the caller's autocast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import vector_norm

from skipline.signal.reading import SiteReading

_MOST_RANKED = 128  # guessed: inputs that enter an effective rank; the Gram matrix costs their square


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a tensor's axes are: that of its inputs and that of its channels; `num_inputs` is N of the whole batch.

    Where N divides the size of `batch_axis`, each input has several rows there (windows, heads). Where it does not,
    the tensor belongs to no input in particular, and is read as one.
    """

    num_inputs: int
    batch_axis: int = 0
    channel_axis: int = 1


def signal_row(x: Tensor, layout: Layout) -> Tensor:
    """(7,): second moment, channel mean², zeros, dead channels, non-finite numbers, correlation, effective rank."""
    with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        parts = _arranged(x, layout)  # (N, places, C, places)
        num_parts = 2 if x.is_complex() else 1  # a complex channel is two real ones, whose squares add up
        largest = torch.maximum(parts.amax(dim=(0, 1, 3)), -parts.amin(dim=(0, 1, 3)))
        scale = _scale(largest.max())
        scaled = (parts / scale).flatten(1)
        square = num_parts * _wide(scale).square()
        norms = vector_norm(scaled, dim=1)
        means = scaled.reshape(parts.shape).mean(dim=(0, 1, 3))
        ranked = scaled[:_MOST_RANKED] @ scaled[:_MOST_RANKED].T
        values = (
            square * _wide(norms).square().sum() / parts.numel(),
            square * _wide(means).square().mean(),
            1 - torch.count_nonzero(x) / x.numel(),
            (largest.view(num_parts, -1) == 0).all(dim=0).to(scale.dtype).mean(),
            _num_nonfinite(x, largest),
            _correlation(scaled, norms),
            _wide(ranked.diagonal()).sum().square() / _wide(ranked).square().sum(),
        )
        return torch.stack([_wide(value) for value in values])


def gradient_row(gradient: Tensor, layout: Layout) -> Tensor:
    """(3,): root of the mean over the inputs of the squared norm, correlation, non-finite numbers."""
    with torch.no_grad(), torch.autocast(gradient.device.type, enabled=False):
        parts = _arranged(gradient, layout).flatten(1)
        low, high = torch.aminmax(parts)
        largest = torch.maximum(high, -low)
        scale = _scale(largest)
        scaled = parts / scale
        norms = vector_norm(scaled, dim=1)
        values = (
            _wide(scale) * (_wide(norms).square().sum() / layout.num_inputs).sqrt(),
            _correlation(scaled, norms),
            _num_nonfinite(gradient, largest),
        )
        return torch.stack([_wide(value) for value in values])


def norm_of(tensor: Tensor) -> Tensor:
    """The Euclidean norm of a parameter or its gradient, in fp64."""
    with torch.no_grad():
        dense = tensor.coalesce().values() if tensor.is_sparse else tensor
        real = torch.view_as_real(dense) if dense.is_complex() else dense
        return vector_norm(real, dtype=wide_dtype(real.device))


def wide_dtype(device: torch.device) -> torch.dtype:
    """What is summed up in: fp64, but on Apple's GPUs, which have none."""
    return torch.float32 if device.type == "mps" else torch.float64


def site_reading(shape: Sequence[int], signal: Sequence[float], gradient: Sequence[float]) -> SiteReading:
    """The reading that the rows of one tensor are; `gradient` is empty where none arrived."""
    second_moment, mean_square, zeros, dead, num_nonfinite, correlation, rank = signal
    variance = second_moment - mean_square
    return SiteReading(
        shape=tuple(shape),
        second_moment=second_moment,
        channel_mean_square=mean_square,
        channel_variance=0.0 if variance < 0 else variance,  # below zero by rounding
        zero_fraction=zeros,
        dead_fraction=dead,
        num_nonfinite=int(num_nonfinite),
        correlation=correlation,
        effective_rank=rank,
        gradient_norm=gradient[0] if gradient else None,
        gradient_correlation=gradient[1] if gradient else None,
        num_nonfinite_gradients=int(gradient[2]) if gradient else None,
    )


def _arranged(x: Tensor, layout: Layout) -> Tensor:
    """Real, at least fp32, as (inputs, places, channels, places), without a copy where memory allows."""
    x = x.detach()
    if x.dim() < 2:
        x = x.view(-1, 1)
    batch, channel = layout.batch_axis % x.dim(), layout.channel_axis % x.dim()
    order = [batch, *(axis for axis in range(x.dim()) if axis != batch)]
    if x.dim() == 4 and (batch, channel) == (0, 1) and not x.is_contiguous():
        order = [0, 2, 3, 1]  # channels_last in memory
    channel = order.index(channel)
    x = x.permute(order)
    if x.is_complex():
        x = torch.view_as_real(x).movedim(-1, channel).flatten(channel, channel + 1)
    if x.dtype not in (torch.float32, torch.float64):
        x = x.float()
    num_rows = layout.num_inputs if x.shape[0] % layout.num_inputs == 0 else 1
    if channel == 0:  # of an axis alone
        return x.reshape(num_rows, -1, 1, 1)
    places = math.prod(x.shape[:channel]) // num_rows
    return x.reshape(num_rows, places, x.shape[channel], -1)


def _scale(largest: Tensor) -> Tensor:
    """What to divide by: 1 where there are only zeros, or no finite maximum."""
    return torch.where((largest > 0) & largest.isfinite(), largest, torch.ones_like(largest))


def _correlation(scaled: Tensor, norms: Tensor) -> Tensor:
    """Mean cosine over pairs: with u = Σ x_n / ‖x_n‖ it is (‖u‖² − n) / (n (n − 1)), n the number of rows not 0."""
    directions = torch.where(norms > 0, 1 / norms, torch.zeros_like(norms))
    num = _wide((norms != 0).sum())
    total = _wide(vector_norm(directions @ scaled)).square()
    return torch.where(num > 1, (total - num) / (num * (num - 1)), float("nan"))


def _num_nonfinite(x: Tensor, largest: Tensor) -> Tensor:
    if largest.device.type == "cpu" and bool(largest.isfinite().all()):  # no device that would have to be waited for
        return torch.zeros(())
    return torch.count_nonzero(x.detach() - x.detach())  # ∞ − ∞ and NaN − NaN are NaN, which is not 0


def _wide(x: Tensor) -> Tensor:
    return x.to(wide_dtype(x.device))
