"""What is trained: net, optimiser, average."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from skipline.init import build, scheme_named
from skipline.nn import ResidualNet
from skipline.train.optimiser import make_optimiser
from skipline.train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Learner:
    """The net, its optimiser, and the averaged net where the recipe has one (else the net itself)."""

    net: ResidualNet
    optimiser: torch.optim.Optimizer
    averaged: nn.Module

    @property
    def result(self) -> ResidualNet:
        """The net that is evaluated and saved."""
        net = self.averaged.module if isinstance(self.averaged, AveragedModel) else self.net
        assert isinstance(net, ResidualNet)
        return net


def make_learner(recipe: Recipe, device: torch.device) -> Learner:
    """The net as the recipe initialises it, on `device` in its memory layout, with its optimiser and its average."""
    net = build(recipe.network, seed=recipe.seed, scheme=scheme_named(recipe.init))
    channels_last = recipe.memory_layout == "channels_last"
    net = net.to(device, memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    averaged = net
    if recipe.ema_decay > 0:
        averaged = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay), use_buffers=True)
    return Learner(net=net, optimiser=make_optimiser(net, recipe.optimiser), averaged=averaged)
