"""Batch norms that change nothing: γ and β undo what the statistics of given images do."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skipline.nn import ResidualNet, seed_dropout
from skipline.signal.taps import tapped


@dataclass(frozen=True, slots=True)
class Moments:
    """Of each channel at one place: mean μ and variance σ² over (N, H, W), σ² without Bessel's correction; fp64."""

    mean: Tensor
    variance: Tensor


@torch.no_grad()
def moments_behind(net: ResidualNet, places: Sequence[str], images: Tensor, *, seed: int) -> dict[str, Moments]:
    """The moments of what passes at `places` when `images` (N, C, H, W) go through `net` in training mode.

    `net` stays as it is; where it draws at random, it does so from `seed`.
    """
    own = copy.deepcopy(net).train()
    seed_dropout(own, seed)
    found: dict[str, Moments] = {}

    def read(name: str, output: Tensor) -> None:
        values = output.double()
        found[name] = Moments(values.mean(dim=(0, 2, 3)), values.var(dim=(0, 2, 3), correction=0))

    with tapped(own, places, read):
        own(images)
    return found


@torch.no_grad()
def make_neutral(norm: nn.Module, moments: Moments) -> None:
    """Set the batch norm `norm` so that what has `moments` passes unchanged: γ = √(σ² + ε), β = μ.

    It may have more channels than what passes has: behind them nothing comes, and they give 0.
    """
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    num = len(moments.mean)
    for tensor in (norm.running_mean, norm.running_var, norm.bias):
        tensor.zero_()
    norm.running_mean[:num] = moments.mean
    norm.running_var[:num] = moments.variance
    norm.bias[:num] = moments.mean
    norm.weight.copy_((norm.running_var.double() + norm.eps).sqrt())
