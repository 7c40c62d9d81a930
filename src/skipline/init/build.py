"""Weights for a network: in place, or together with the modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from skipline.init.scheme import Scheme, Slot
from skipline.init.schemes import HE_FAN_OUT_NORMAL
from skipline.nn import ResidualNet, assemble
from skipline.seeds import split_seed
from skipline.spec import Network, Step, unfold
from skipline.spec.layers import (
    Conv,
    EfficientAttention,
    Layer,
    LearnedScale,
    LearnedShift,
    Linear,
    Normalise,
    SqueezeExcite,
)


def build(network: Network, *, seed: int = 0, scheme: Scheme = HE_FAN_OUT_NORMAL) -> ResidualNet:
    """The modules of `network` on the CPU, in fp32, started by `scheme` from `seed`.

    The default is He et al.'s normal rule with fan-out, as in their published code and torchvision's; norms at γ = 1,
    β = 0; the classifier at PyTorch's U(±1/√fan_in). Raises `InitError` where `scheme` cannot start `network`.
    """
    net = assemble(network)
    initialise(net, scheme=scheme, seed=seed)
    return net


def initialise(net: ResidualNet, *, scheme: Scheme, seed: int) -> None:
    """Fill every parameter of `net` by `scheme`, and reset every running statistic to mean 0 and variance 1.

    Each layer has its own stream, `split_seed(seed, "init", step name)`, drawn on the CPU in fp32: its weights depend
    neither on the other layers nor on the device. Raises `InitError` where `scheme` cannot start the network.
    """
    scheme.requires(net.network)
    plan = unfold(net.network)
    before_norm = {step.name for block in plan.blocks if block.norm_ends_branch for step in block.branch}
    for step in plan.steps():
        place = Place(step, net.network, norm_ends_branch=step.name in before_norm)
        start_module(net.get_submodule(step.name), place, scheme=scheme, seed=seed)


@dataclass(frozen=True, slots=True)
class Place:
    """A step of a network; `norm_ends_branch` as in `Slot`."""

    step: Step
    network: Network
    norm_ends_branch: bool


def start_module(module: nn.Module, place: Place, *, scheme: Scheme, seed: int) -> None:
    """Fill the parameters of one step's `module` by `scheme` from the step's own stream; reset its statistics."""
    step = place.step
    parts = _parts(step.layer)
    generator = torch.Generator().manual_seed(split_seed(seed, "init", step.name)) if parts else None
    for path, kind, part in parts:
        assert generator is not None
        slot = Slot(step, place.network, norm_ends_branch=place.norm_ends_branch, part=part)
        for name, parameter in module.get_submodule(path).named_parameters():
            start = torch.empty(parameter.shape, dtype=torch.float32, device="cpu")
            scheme.rule(step.role, f"{kind}.{name}")(start, slot, generator)
            with torch.no_grad():
                parameter.copy_(start)
    if isinstance(step.layer, Normalise) and step.layer.norm.kind == "batch":  # also where the module is a frozen one
        module.get_buffer("running_mean").zero_()
        module.get_buffer("running_var").fill_(1.0)


_Kind = Literal["conv", "norm", "linear", "attention", "scale", "shift"]


def _parts(layer: Layer) -> tuple[tuple[str, _Kind, Layer], ...]:
    """The parts of a step that have weights: where each is in the step's module, its kind, and its layer."""
    match layer:
        case Conv():
            return (("", "conv", layer),)
        case Normalise():
            return (("", "norm", layer),)
        case Linear():
            return (("", "linear", layer),)
        case SqueezeExcite(squeeze=squeeze, excite=excite):
            return ("fc1", "attention", squeeze), ("fc2", "attention", excite)
        case EfficientAttention():
            return (("conv", "attention", layer),)
        case LearnedScale():
            return (("", "scale", layer),)
        case LearnedShift():
            return (("", "shift", layer),)
        case _:
            return ()  # the other layers have no weights
