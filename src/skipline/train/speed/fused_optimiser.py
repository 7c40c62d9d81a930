"""SGD and AdamW with one kernel for all weights of a group, by PyTorch's functions and without its classes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Protocol, final

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

_EPSILON = 1e-8  # Kingma & Ba 2014, arXiv 1412.6980, algorithm 1; PyTorch's default


class Update(Protocol):
    """One step for the weights of a `group` with these gradients: in place, nothing where `found_inf` is 1.

    `state` has a dictionary of tensors for each weight, empty before its first step, which this fills.
    """

    def __call__(
        self,
        group: dict[str, Any],
        weights: list[nn.Parameter],
        gradients: list[Tensor],
        state: list[dict[str, Tensor]],
        *,
        found_inf: Tensor,
    ) -> None: ...


@final
class FusedOptimiser:
    """An optimiser with the members of `torch.optim.Optimizer` that a run needs, and its fused kernels.

    PyTorch's own classes import its compiler when one is made, 2.2 s of a processor (measured: torch 2.13, AMD EPYC)
    that most programs have no use for; and their kernels on the CPU copy each gradient in channels-last order. While
    the float scalar `halted` is 1, a step changes nothing.
    """

    def __init__(self, groups: list[dict[str, Any]], update: Update, *, halted: Tensor) -> None:
        self.param_groups = groups
        self.state: defaultdict[Tensor, dict[str, Tensor]] = defaultdict(dict)
        self._update, self._halted = update, halted

    def zero_grad(self, *, set_to_none: bool = True) -> None:
        """Forget the gradients, or with `set_to_none` False set them to 0."""
        for group in self.param_groups:
            for weight in group["params"]:
                if set_to_none:
                    weight.grad = None
                elif weight.grad is not None:
                    weight.grad.zero_()

    @torch.no_grad()
    def step(self) -> None:
        """Move what has a gradient."""
        for group in self.param_groups:
            moved = [weight for weight in group["params"] if weight.grad is not None]
            if moved:
                state = [self.state[weight] for weight in moved]
                gradients = [weight.grad for weight in moved]
                self._update(group, moved, gradients, state, found_inf=self._halted)


def sgd_update(*, momentum: float, nesterov: bool) -> Update:
    """`v ← m v + g + λ w`, `w ← w − η v`, or with Nesterov `w ← w − η (g + λ w + m v)`."""

    def update(
        group: dict[str, Any],
        weights: list[nn.Parameter],
        gradients: list[Tensor],
        state: list[dict[str, Tensor]],
        *,
        found_inf: Tensor,
    ) -> None:
        buffers: list[Tensor | None] = [None] * len(weights)
        if momentum:
            for weight, kept in zip(weights, state, strict=True):
                if not kept:
                    kept["momentum_buffer"] = torch.zeros_like(weight)
            buffers = [*_in_memory_order([kept["momentum_buffer"] for kept in state], weights)]
        sgd(
            _in_memory_order(weights, weights),
            _in_memory_order(gradients, weights),
            buffers,
            fused=True,
            found_inf=found_inf,
            weight_decay=group["weight_decay"],
            momentum=momentum,
            lr=group["lr"],
            dampening=0.0,
            nesterov=nesterov,
            maximize=False,
        )

    return update


def adamw_update(*, beta1: float, beta2: float) -> Update:
    """`w ← (1 − η λ) w − η m̂ / (√v̂ + ε)`, m and v the averages of g and g², m̂ and v̂ without their start at zero."""

    def update(
        group: dict[str, Any],
        weights: list[nn.Parameter],
        gradients: list[Tensor],
        state: list[dict[str, Tensor]],
        *,
        found_inf: Tensor,
    ) -> None:
        for weight, kept in zip(weights, state, strict=True):
            if not kept:
                kept["step"] = torch.zeros((), dtype=torch.float32, device=weight.device)
                kept["exp_avg"], kept["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)
        adamw(
            _in_memory_order(weights, weights),
            _in_memory_order(gradients, weights),
            _in_memory_order([kept["exp_avg"] for kept in state], weights),
            _in_memory_order([kept["exp_avg_sq"] for kept in state], weights),
            [],
            [kept["step"] for kept in state],
            fused=True,
            found_inf=found_inf,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=_EPSILON,
            maximize=False,
        )

    return update


def _in_memory_order(tensors: list[Any], weights: list[nn.Parameter]) -> list[Tensor]:
    """`tensors` as views that are contiguous where their `weights` are channels-last: a kernel then copies nothing.

    Which entry of a tensor is updated with which of another does not change: all of a weight are seen in its order.
    """
    return [
        tensor.permute(0, 2, 3, 1)
        if weight.ndim == 4 and not weight.is_contiguous() and weight.is_contiguous(memory_format=torch.channels_last)
        else tensor
        for tensor, weight in zip(tensors, weights, strict=True)
    ]
