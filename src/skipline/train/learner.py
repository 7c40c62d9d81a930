"""What is trained: net, optimiser, average."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from skipline.init import build, scheme_named
from skipline.nn import ResidualNet
from skipline.train.average import Average, average_of
from skipline.train.fusion import fused
from skipline.train.kernels import choose_kernels
from skipline.train.layout import memory_format
from skipline.train.optimiser import make_optimiser
from skipline.train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Learner:
    """The net, its optimiser, and its average where the recipe has one.

    `forward` is the net as a training step computes it: the same function of images, or the same with fused kernels.
    `halted` is 1 from the first loss on that was not finite: no step changes anything from there on. `num_finite_steps`
    counts the steps before it. Both are scalars on the device, so that a step waits for no transfer.
    """

    net: ResidualNet
    forward: Callable[[Tensor], Tensor]
    optimiser: torch.optim.Optimizer
    average: Average | None
    halted: Tensor
    num_finite_steps: Tensor

    @property
    def result(self) -> ResidualNet:
        """The net that is evaluated and saved."""
        return self.net if self.average is None else self.average.net


def make_learner(recipe: Recipe, device: torch.device) -> Learner:
    """The net as the recipe initialises it, in training mode, on `device` in the recipe's layout, and the rest."""
    net = build(recipe.network, seed=recipe.seed, scheme=scheme_named(recipe.init))
    layout = memory_format(recipe.memory_layout)
    net = net.to(device).to(memory_format=layout).train()  # pyright: ignore[reportCallIssue]  # torch's stubs lack it
    kernels = choose_kernels(recipe.kernels, device, recipe.memory_layout).compiled
    halted = torch.zeros((), device=device)
    return Learner(
        net=net,
        forward=net if kernels is None else fused(net, kernels),
        optimiser=make_optimiser(net, recipe.optimiser, halted=halted),
        average=average_of(net) if recipe.ema_decay > 0 else None,
        halted=halted,
        num_finite_steps=torch.zeros((), dtype=torch.int64, device=device),
    )
