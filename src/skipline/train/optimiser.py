"""Optimisers: their settings, their parameter groups, and their state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, assert_never

import torch
from torch import Tensor, nn

from skipline.train.error import RecipeError
from skipline.train.speed.fused_optimiser import FusedOptimiser, Update, adamw_update, sgd_update
from skipline.wording import require_choice, require_real, require_switch

DecayOn = Literal["weights", "all"]
_DECAY_ON: tuple[DecayOn, ...] = ("weights", "all")
_FLOOR = 0.01  # guessed: a stage that learns a hundred times slower still learns


@dataclass(frozen=True, slots=True)
class Sgd:
    """Stochastic gradient descent: `v ← m v + g + λ w`, `w ← w − η v`; with Nesterov `w ← w − η (g + λ w + m v)`.

    `decay_on`: λ acts on the `weights` of convolutions and linear layers only, or on `all` parameters, norms and biases
    too, as in He et al. 2015. `layer_decay` and its floor lower the rate stage by stage towards the images; see
    `rate_factors`.
    """

    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 1e-4  # He et al. 2015, section 3.4
    decay_on: DecayOn = "weights"
    layer_decay: float = 1.0
    layer_decay_floor: float = _FLOOR

    def __post_init__(self) -> None:
        require_real(RecipeError, "optimiser.learning_rate", self.learning_rate, "(0, inf)")
        require_real(RecipeError, "optimiser.momentum", self.momentum, "[0, 1)")
        require_switch(RecipeError, "optimiser.nesterov", self.nesterov)
        require_real(RecipeError, "optimiser.weight_decay", self.weight_decay, "[0, inf)")
        require_choice(RecipeError, "optimiser.decay_on", self.decay_on, _DECAY_ON)
        _require_layer_decay(self.layer_decay, self.layer_decay_floor)
        if self.nesterov and self.momentum == 0:
            raise RecipeError(
                "optimiser.nesterov is true with momentum 0, where it does nothing. "
                "Set optimiser.nesterov to false, or momentum to e.g. 0.9."
            )


@dataclass(frozen=True, slots=True)
class AdamW:
    """Adam with decoupled weight decay, `w ← (1 − η λ) w − η m̂ / (√v̂ + 1e-8)` (arXiv 1711.05101).

    `m` and `v` are the averages of g and g² over about 1 / (1 − β₁) and 1 / (1 − β₂) steps, `m̂` and `v̂` without their
    start at zero. `decay_on` and `layer_decay` as in `Sgd`. The defaults are PyTorch's.
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 1e-2
    decay_on: DecayOn = "weights"
    layer_decay: float = 1.0
    layer_decay_floor: float = _FLOOR

    def __post_init__(self) -> None:
        require_real(RecipeError, "optimiser.learning_rate", self.learning_rate, "(0, inf)")
        require_real(RecipeError, "optimiser.beta1", self.beta1, "[0, 1)")
        require_real(RecipeError, "optimiser.beta2", self.beta2, "[0, 1)")
        require_real(RecipeError, "optimiser.weight_decay", self.weight_decay, "[0, inf)")
        require_choice(RecipeError, "optimiser.decay_on", self.decay_on, _DECAY_ON)
        _require_layer_decay(self.layer_decay, self.layer_decay_floor)


OptimiserSettings = Sgd | AdamW
Optimiser = FusedOptimiser | torch.optim.Optimizer


def rate_factors(parts: Sequence[str], *, decay: float, floor: float) -> dict[str, float]:
    """What the learning rate is multiplied by in each part of a net: `max(floor, decay^(S − s))` in stage s of S.

    `parts` are the net's own, in the order they run: the stem (s = 0), S stages, the head, whose factor is 1. By stages
    and not by blocks, as deep nets have hundreds: 0.75^333 is 2.5e-42, which freezes everything. Source of the idea:
    a rate for each layer, arXiv 1801.06146, section 3.2.
    """
    num_stages = len(parts) - 2
    return {part: max(floor, decay ** max(0, num_stages - s)) for s, part in enumerate(parts)}


def parameter_groups(
    net: nn.Module, settings: OptimiserSettings, *, separates_head: bool = False
) -> list[dict[str, Any]]:
    """The parameters that learn, grouped by what the optimiser does with them; frozen ones are in no group.

    With `decay_on="weights"` only tensors of two or more dimensions have a `weight_decay`. `rate_factor` is the group's
    share of the learning rate, that of `rate_factors` for the first word of a parameter's name (`stage2`); `is_head`
    is whether they are the head's, which with `separates_head` has groups of its own.
    """
    parts = list(dict.fromkeys(name.split(".")[0] for name, _ in net.named_parameters()))
    factors = rate_factors(parts, decay=settings.layer_decay, floor=settings.layer_decay_floor)
    groups: dict[tuple[float, bool, bool], list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            decays = settings.decay_on == "all" or parameter.ndim >= 2
            part = name.split(".")[0]
            groups.setdefault((factors[part], decays, separates_head and part == parts[-1]), []).append(parameter)
    return [
        {
            "params": parameters,
            "weight_decay": settings.weight_decay if decays else 0.0,
            "rate_factor": factor,
            "is_head": is_head,
        }
        for (factor, decays, is_head), parameters in groups.items()
    ]


def make_optimiser(
    net: nn.Module,
    settings: OptimiserSettings,
    *,
    halted: Tensor,
    separates_head: bool = False,
    is_fused: bool = True,
) -> Optimiser:
    """The fused optimiser of `settings` over what learns in `net`: one kernel for a group, on CPU and on CUDA.

    While the float scalar `halted`, on the net's device, is 1, a step changes nothing; it costs no transfer. One that
    is not fused, as parameters that are shared out need it, does not look at `halted`: whoever calls it has to. With
    `separates_head` the head can have a rate of its own.
    """
    groups = parameter_groups(net, settings, separates_head=separates_head)
    optimiser = FusedOptimiser(groups, _update_of(settings), halted=halted) if is_fused else _unfused(groups, settings)
    set_learning_rate(optimiser, settings.learning_rate)
    return optimiser


def _update_of(settings: OptimiserSettings) -> Update:
    match settings:
        case Sgd():
            return sgd_update(momentum=settings.momentum, nesterov=settings.nesterov)
        case AdamW():
            return adamw_update(beta1=settings.beta1, beta2=settings.beta2)
        case _:
            assert_never(settings)


def _unfused(groups: list[dict[str, Any]], settings: OptimiserSettings) -> torch.optim.Optimizer:
    rate = settings.learning_rate
    match settings:
        case Sgd():
            momentum, nesterov = settings.momentum, settings.nesterov
            return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=nesterov, fused=False)
        case AdamW():
            return torch.optim.AdamW(groups, lr=rate, betas=(settings.beta1, settings.beta2), fused=False)
        case _:
            assert_never(settings)


def set_learning_rate(optimiser: Optimiser, learning_rate: float, *, is_for_head_only: bool = False) -> None:
    """Give every group its share of the rate `learning_rate`; with `is_for_head_only` all but the head's get 0."""
    for group in optimiser.param_groups:
        is_still = is_for_head_only and not group["is_head"]
        group["lr"] = 0.0 if is_still else learning_rate * group["rate_factor"]


def swept_rates(settings: OptimiserSettings) -> tuple[float, float]:
    """The lowest and the highest learning rate of a sweep: in so few steps nothing is learnt yet, or no more.

    Guessed for nets with norms (Smith, arXiv 1506.01186, sweeps one net's own range).
    """
    match settings:
        case Sgd():
            return 1e-5, 10.0
        case AdamW():
            return 1e-7, 0.1
        case _:
            assert_never(settings)


def kept_moments(settings: OptimiserSettings) -> tuple[str, ...]:
    """What is kept of each parameter in its own shape, by PyTorch's keys: a momentum; Adam's averages of g and g²."""
    match settings:
        case Sgd(momentum=0):
            return ()
        case Sgd():
            return ("momentum_buffer",)
        case AdamW():
            return ("exp_avg", "exp_avg_sq")
        case _:
            assert_never(settings)


def optimiser_tensors(net: nn.Module, optimiser: Optimiser) -> dict[str, Tensor]:
    """The optimiser's state as `parameter name/key` → tensor."""
    return {
        f"{name}/{key}": value
        for name, parameter in net.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def expected_tensors(net: nn.Module, settings: OptimiserSettings) -> dict[str, Tensor]:
    """Tensors of the names, shapes and dtypes that `optimiser_tensors` reads once a step was made; values mean nothing.

    They are those of `kept_moments` and, of Adam, the count of steps for each parameter.
    """
    learning = {name: parameter.detach() for name, parameter in net.named_parameters() if parameter.requires_grad}
    tensors = {f"{name}/{key}": parameter for name, parameter in learning.items() for key in kept_moments(settings)}
    if isinstance(settings, AdamW):
        tensors |= {f"{name}/step": torch.zeros((), dtype=torch.float32) for name in learning}
    return tensors


def restore_optimiser(net: nn.Module, optimiser: Optimiser, tensors: Mapping[str, Tensor]) -> None:
    """Give `optimiser` the state that `optimiser_tensors` read; its names and shapes are those of `expected_tensors`.

    Each tensor takes its parameter's memory layout: the fused kernels walk both in memory order.
    """
    parameters = dict(net.named_parameters())
    for full_name, value in tensors.items():
        name, key = full_name.rsplit("/", 1)
        parameter = parameters[name]
        own = torch.empty_like(parameter if value.shape == parameter.shape else value, device=parameter.device)
        optimiser.state[parameter][key] = own.copy_(value)


def _require_layer_decay(layer_decay: float, floor: float) -> None:
    require_real(RecipeError, "optimiser.layer_decay", layer_decay, "(0, 1]")
    require_real(RecipeError, "optimiser.layer_decay_floor", floor, "[0, 1]")
    if layer_decay == 1 and floor != _FLOOR:
        raise RecipeError(
            f"optimiser.layer_decay_floor is {floor:g} with layer_decay 1, where every stage has the whole rate. "
            f"Leave it at {_FLOOR:g}, or set optimiser.layer_decay below 1, e.g. to 0.75."
        )
