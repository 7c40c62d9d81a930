"""GradInit: a factor for each tensor, learned so that the first step of training lowers the loss the most."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from skipline.init.probe import drawn, probe_loss, probing, require_finite
from skipline.nn import ResidualNet
from skipline.seeds import split_seed

NUM_STEPS = 100  # guessed
_BATCH_SIZE = 64  # guessed
_RATE = 0.02  # of Adam on the factors: guessed
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8  # Adam's
LEARNING_RATE = 0.1  # η of the first step: the usual one of SGD
_LARGEST_NORM = 1.0  # γ: the paper's for CIFAR-10
_LEAST = 0.01  # a factor's lower bound: the paper's


def gradinit(
    net: ResidualNet,
    images: Tensor,
    targets: Tensor,
    *,
    seed: int,
    learning_rate: float = LEARNING_RATE,
    num_steps: int = NUM_STEPS,
) -> None:
    """Multiply each tensor of `net` by a factor: the least loss after one step of SGD, subject to ‖g‖₂ ≤ γ = 1.

    `num_steps` of Adam on the factors m: down ‖g‖ while it is above γ, else down `L(S′; m θ − η g)`, where g is the
    gradient on S at m θ, half of S′ is from S and η is `learning_rate`. Zhu et al. 2021, arXiv 2102.08098, algorithm 1,
    for SGD without momentum. Tensors that are zero stay so. Raises `InitError` where a derivative is not finite.
    """
    generator = torch.Generator().manual_seed(split_seed(seed, "gradinit"))
    tensors = {name: tensor.detach() for name, tensor in net.named_parameters()}
    device = images.device
    factors = torch.ones(len(tensors), device=device, requires_grad=True)
    mean, square = torch.zeros(len(tensors), device=device), torch.zeros(len(tensors), device=device)
    with probing(net):
        for step in range(1, num_steps + 1):
            batch, other = _overlapping(drawn((images, targets), 3 * _BATCH_SIZE // 2, generator))
            scaled = {name: factor * tensor for (name, tensor), factor in zip(tensors.items(), factors, strict=True)}
            norm, loss = objective(net, scaled, batch, other, learning_rate=learning_rate)
            (slope,) = torch.autograd.grad(norm if norm.item() > _LARGEST_NORM else loss, factors)
            require_finite(slope, norm, name="gradinit")
            with torch.no_grad():
                mean.lerp_(slope, 1 - _BETA1)
                square.lerp_(slope.square(), 1 - _BETA2)
                scale = (square / (1 - _BETA2**step)).sqrt_().add_(_EPSILON)
                factors.sub_(_RATE * mean / (1 - _BETA1**step) / scale).clamp_(min=_LEAST)
    with torch.no_grad():
        for tensor, factor in zip(tensors.values(), factors, strict=True):
            tensor.mul_(factor)


def objective(
    net: ResidualNet,
    parameters: Mapping[str, Tensor],
    batch: tuple[Tensor, Tensor],
    other: tuple[Tensor, Tensor],
    *,
    learning_rate: float,
) -> tuple[Tensor, Tensor]:
    """‖g‖₂ on `batch`, and the loss of `other` after one step along g: both scalars that can be differentiated."""
    values = list(parameters.values())
    gradients = torch.autograd.grad(probe_loss(net, parameters, batch), values, create_graph=True)
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    moved = {
        name: value - learning_rate * gradient
        for (name, value), gradient in zip(parameters.items(), gradients, strict=True)
    }
    return norm, probe_loss(net, moved, other)


def _overlapping(samples: tuple[Tensor, Tensor]) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Two batches of two thirds of `samples` each, which share one third."""
    images, targets = samples
    third = max(1, len(images) // 3)
    return (images[: 2 * third], targets[: 2 * third]), (images[third : 3 * third], targets[third : 3 * third])
