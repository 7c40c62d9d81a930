"""Optimisers: their settings, their parameter groups, and their state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from skipline.train.refuse import RecipeError, require_choice, require_real

DecayOn = Literal["weights", "all"]


@dataclass(frozen=True, slots=True)
class Sgd:
    """Stochastic gradient descent, `v ← m v + g + λ w`, `w ← w − η v`, Nesterov: `w ← w − η (g + λ w + m v)`.

    `decay_on`: λ acts on `weights` (of convolutions and linear layers) only, or on `all` parameters, norms and biases
    too, as in He et al. 2015.
    """

    kind: Literal["sgd"] = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 1e-4  # He et al. 2015, section 3.4
    decay_on: DecayOn = "weights"

    def __post_init__(self) -> None:
        require_real("optimiser.learning_rate", self.learning_rate, low=0.0, high=1e6)
        require_real("optimiser.momentum", self.momentum, low=0.0, high=1.0)
        require_real("optimiser.weight_decay", self.weight_decay, low=0.0, high=1e6)
        require_choice("optimiser.decay_on", self.decay_on, ("weights", "all"))
        if self.nesterov and self.momentum == 0:
            raise RecipeError(
                "optimiser.nesterov is true with momentum 0, where it does nothing. "
                "Set optimiser.nesterov to false, or momentum to e.g. 0.9."
            )


@dataclass(frozen=True, slots=True)
class AdamW:
    """Adam with decoupled weight decay (arXiv 1711.05101)."""

    kind: Literal["adamw"] = "adamw"
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 1e-2
    decay_on: DecayOn = "weights"

    def __post_init__(self) -> None:
        require_real("optimiser.learning_rate", self.learning_rate, low=0.0, high=1e6)
        require_real("optimiser.beta1", self.beta1, low=0.0, high=0.999999)
        require_real("optimiser.beta2", self.beta2, low=0.0, high=0.999999)
        require_real("optimiser.weight_decay", self.weight_decay, low=0.0, high=1e6)
        require_choice("optimiser.decay_on", self.decay_on, ("weights", "all"))


OptimiserSettings = Sgd | AdamW


def parameter_groups(net: nn.Module, weight_decay: float, decay_on: DecayOn) -> list[dict[str, object]]:
    """The parameters that decay and those that do not: with `weights`, only tensors of two or more dimensions decay."""
    decayed, kept = [], []
    for parameter in net.parameters():
        if not parameter.requires_grad:
            continue
        (decayed if decay_on == "all" or parameter.ndim >= 2 else kept).append(parameter)
    groups: list[dict[str, object]] = [{"params": decayed, "weight_decay": weight_decay}]
    if kept:
        groups.append({"params": kept, "weight_decay": 0.0})
    return groups


def make_optimiser(net: nn.Module, settings: OptimiserSettings) -> torch.optim.Optimizer:
    """The fused optimiser of `settings` over `net`: one kernel for all parameters, on CPU and on CUDA."""
    groups = parameter_groups(net, settings.weight_decay, settings.decay_on)
    match settings:
        case Sgd():
            return torch.optim.SGD(
                groups,
                lr=settings.learning_rate,
                momentum=settings.momentum,
                nesterov=settings.nesterov,
                fused=True,
            )
        case AdamW():
            betas = (settings.beta1, settings.beta2)
            return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=betas, fused=True)


def set_learning_rate(optimiser: torch.optim.Optimizer, learning_rate: float) -> None:
    """Give every group the rate `learning_rate`."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate


def optimiser_tensors(net: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as `parameter name/key` → tensor."""
    tensors = {}
    for name, parameter in net.named_parameters():
        for key, value in optimiser.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"{name}/{key}"] = value
    return tensors


def restore_optimiser(net: nn.Module, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give `optimiser` the state that `optimiser_tensors` read.

    Each tensor takes its parameter's memory layout: the fused kernels walk both in memory order.
    """
    parameters = dict(net.named_parameters())
    for full_name, value in tensors.items():
        name, key = full_name.rsplit("/", 1)
        parameter = parameters[name]
        like = torch.empty_like(parameter) if value.shape == parameter.shape else value.to(parameter.device).clone()
        optimiser.state[parameter][key] = like.copy_(value)
