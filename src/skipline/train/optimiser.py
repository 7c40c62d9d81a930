"""Optimisers: their settings, their parameter groups, and their state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from skipline.train.refuse import RecipeError, require_choice, require_real, require_switch

DecayOn = Literal["weights", "all"]
_DECAY_ON: tuple[DecayOn, ...] = ("weights", "all")


@dataclass(frozen=True, slots=True)
class Sgd:
    """Stochastic gradient descent: `v ← m v + g + λ w`, `w ← w − η v`; with Nesterov `w ← w − η (g + λ w + m v)`.

    `decay_on`: λ acts on the `weights` of convolutions and linear layers only, or on `all` parameters, norms and biases
    too, as in He et al. 2015.
    """

    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 1e-4  # He et al. 2015, section 3.4
    decay_on: DecayOn = "weights"

    def __post_init__(self) -> None:
        require_real("optimiser.learning_rate", self.learning_rate, "(0, inf)")
        require_real("optimiser.momentum", self.momentum, "[0, 1)")
        require_switch("optimiser.nesterov", self.nesterov)
        require_real("optimiser.weight_decay", self.weight_decay, "[0, inf)")
        require_choice("optimiser.decay_on", self.decay_on, _DECAY_ON)
        if self.nesterov and self.momentum == 0:
            raise RecipeError(
                "optimiser.nesterov is true with momentum 0, where it does nothing. "
                "Set optimiser.nesterov to false, or momentum to e.g. 0.9."
            )


@dataclass(frozen=True, slots=True)
class AdamW:
    """Adam with decoupled weight decay, `w ← (1 − η λ) w − η m̂ / (√v̂ + 1e-8)` (arXiv 1711.05101).

    `m` and `v` are the averages of g and g² over about 1 / (1 − β₁) and 1 / (1 − β₂) steps, `m̂` and `v̂` without their
    start at zero. `decay_on` as in `Sgd`. The defaults are PyTorch's.
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 1e-2
    decay_on: DecayOn = "weights"

    def __post_init__(self) -> None:
        require_real("optimiser.learning_rate", self.learning_rate, "(0, inf)")
        require_real("optimiser.beta1", self.beta1, "[0, 1)")
        require_real("optimiser.beta2", self.beta2, "[0, 1)")
        require_real("optimiser.weight_decay", self.weight_decay, "[0, inf)")
        require_choice("optimiser.decay_on", self.decay_on, _DECAY_ON)


OptimiserSettings = Sgd | AdamW


def parameter_groups(net: nn.Module, *, weight_decay: float, decay_on: DecayOn) -> list[dict[str, object]]:
    """The parameters that decay and those that do not: with `weights`, only tensors of two or more dimensions decay."""
    decayed = [p for p in net.parameters() if decay_on == "all" or p.ndim >= 2]
    kept = [p for p in net.parameters() if decay_on == "weights" and p.ndim < 2]
    groups = ({"params": decayed, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0})
    return [group for group in groups if group["params"]]


def make_optimiser(net: nn.Module, settings: OptimiserSettings, *, halted: Tensor) -> torch.optim.Optimizer:
    """The fused optimiser of `settings` over `net`: one kernel for all parameters, on CPU and on CUDA.

    While the float scalar `halted`, on the net's device, is 1, a step changes nothing; it costs no transfer.
    """
    groups = parameter_groups(net, weight_decay=settings.weight_decay, decay_on=settings.decay_on)
    match settings:
        case Sgd():
            optimiser = torch.optim.SGD(
                groups,
                lr=settings.learning_rate,
                momentum=settings.momentum,
                nesterov=settings.nesterov,
                fused=True,
            )
        case AdamW():
            betas = (settings.beta1, settings.beta2)
            optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=betas, fused=True)
    # What torch.amp.GradScaler sets to skip a step: the fused kernels read it where they run.
    optimiser.found_inf = halted  # pyright: ignore[reportAttributeAccessIssue]
    return optimiser


def set_learning_rate(optimiser: torch.optim.Optimizer, learning_rate: float) -> None:
    """Give every group the rate `learning_rate`."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate


def optimiser_tensors(net: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as `parameter name/key` → tensor."""
    return {
        f"{name}/{key}": value
        for name, parameter in net.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def expected_tensors(net: nn.Module, settings: OptimiserSettings) -> dict[str, Tensor]:
    """Tensors of the names, shapes and dtypes that `optimiser_tensors` reads once a step was made; values mean nothing.

    They are PyTorch's: a momentum buffer; or Adam's averages of g and g² and, for each parameter, the count of steps.
    """
    match settings:
        case Sgd(momentum=0):
            own = ()
        case Sgd():
            own = ("momentum_buffer",)
        case AdamW():
            own = ("exp_avg", "exp_avg_sq")
    tensors = {f"{name}/{key}": parameter.detach() for name, parameter in net.named_parameters() for key in own}
    if isinstance(settings, AdamW):
        tensors |= {f"{name}/step": torch.zeros((), dtype=torch.float32) for name, _ in net.named_parameters()}
    return tensors


def restore_optimiser(net: nn.Module, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give `optimiser` the state that `optimiser_tensors` read; its names and shapes are those of `expected_tensors`.

    Each tensor takes its parameter's memory layout: the fused kernels walk both in memory order.
    """
    parameters = dict(net.named_parameters())
    for full_name, value in tensors.items():
        name, key = full_name.rsplit("/", 1)
        parameter = parameters[name]
        own = torch.empty_like(parameter if value.shape == parameter.shape else value, device=parameter.device)
        optimiser.state[parameter][key] = own.copy_(value)
