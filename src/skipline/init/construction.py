"""Weights for a network: in place, or together with the modules."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skipline.init.fit import Fit
from skipline.init.probe import require_samples
from skipline.init.scheme import Scheme
from skipline.init.schemes import HE_FAN_OUT_NORMAL
from skipline.init.slot import placed_steps, step_slots
from skipline.nn import ResidualNet, assemble
from skipline.seeds import split_seed
from skipline.spec import BlockPlan, Network, Step
from skipline.spec.layers import Normalise


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
    for step, block in placed_steps(net.network):
        start_module(net.get_submodule(step.name), step, net.network, block, scheme=scheme, seed=seed)


def start_module(
    module: nn.Module, step: Step, network: Network, block: BlockPlan | None, *, scheme: Scheme, seed: int
) -> None:
    """Fill the parameters of one step's `module` by `scheme` from the step's own stream; reset its statistics.

    `block` is the block of `network` that the step stands in; None in the stem and the head.
    """
    slots = step_slots(step, network, block)
    if slots:
        generator = torch.Generator().manual_seed(split_seed(seed, "init", step.name))
        for slot in slots:
            parameter = module.get_parameter(slot.path)
            drawn = torch.empty(parameter.shape, dtype=torch.float32, device="cpu")
            scheme.rule(step.role, slot.tensor).fill(drawn, slot, generator)
            with torch.no_grad():
                parameter.copy_(drawn)
    if isinstance(step.layer, Normalise) and step.layer.norm.kind == "batch":  # also where the module is a frozen one
        module.get_buffer("running_mean").zero_()
        module.get_buffer("running_var").fill_(1.0)


def start(net: ResidualNet, how: Scheme | Fit, *, images: Tensor, targets: Tensor, seed: int) -> None:
    """Start every parameter of `net` by `how` from `seed`; a scheme looks at neither images nor targets.

    images (N, C, H, W) are preprocessed as in training; targets are classes (N) or rows of probabilities (N, K), both
    where the net is. Gradients and modes stay as they were; running statistics are reset. Raises `InitError` where
    `how` cannot start the network, or not from these images.
    """
    if isinstance(how, Scheme):
        initialise(net, scheme=how, seed=seed)
        return
    require_samples(net, images, targets, name=how.name)
    initialise(net, scheme=how.base, seed=seed)
    how.adjust(net, images, targets, seed)
