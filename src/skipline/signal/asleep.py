"""Tensors whose gradient is zero only as long as others are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from skipline.seeds import split_seed
from skipline.signal.objective import Objective
from skipline.signal.target import Batch, called

_STIR = 0.01  # guessed: standard deviation of what zeros are replaced by; small beside a signal, far from underflow


def woken(
    module: nn.Module, batch: Batch, objective: Objective, *, still: Collection[str], zeros: Collection[str]
) -> set[str]:
    """Those of the parameters `still`, without a gradient now, that get one when zeros stop being zero.

    `zeros` are the parameters that are exactly zero. Those of them that have a gradient are about to move: they are
    replaced by small random numbers, and the gradient is taken again; then those that have one now, until no more do.
    """
    parameters = dict(module.named_parameters())
    names = sorted(still)
    generator = torch.Generator().manual_seed(split_seed(0, "asleep"))
    stirred: dict[str, Tensor] = {}
    awake: set[str] = set()
    fresh = set(zeros) - set(still)
    while fresh:
        stirred |= {name: _noise_like(parameters[name], generator) for name in sorted(fresh)}
        value = objective(called(module, batch, stirred))
        wanted = [stirred[name] if name in stirred else parameters[name] for name in names]
        gradients = torch.autograd.grad(value, wanted, allow_unused=True)
        awake |= _moving(names, gradients)
        fresh = (awake & set(zeros)) - set(stirred)
    return awake


def _moving(names: list[str], gradients: Any) -> set[str]:
    has = {name: (gradient != 0).any() for name, gradient in zip(names, gradients, strict=True) if gradient is not None}
    if not has:
        return set()
    device = next(iter(has.values())).device
    flags = torch.stack([flag.to(device) for flag in has.values()]).tolist()  # waits for the device
    return {name for name, flag in zip(has, flags, strict=True) if flag}


def _noise_like(tensor: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.empty(tensor.shape).normal_(0.0, _STIR, generator=generator)
    return noise.to(tensor.device, tensor.dtype).requires_grad_(True)
