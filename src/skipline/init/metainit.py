"""MetaInit: the norm of each weight tensor learned so that a gradient step changes the gradient little."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from skipline.init.probe import drawn, probe_loss, probing, require_finite
from skipline.nn import ResidualNet
from skipline.seeds import split_seed

NUM_STEPS = 100  # guessed; the paper takes 500
_BATCH_SIZE = 64  # guessed
_RATE = 0.06  # η: measured, the best of four on 3 draws of a net of 10 layers; the paper's momentum overshot there
_EPSILON = 1e-5  # the paper's


def metainit(net: ResidualNet, images: Tensor, targets: Tensor, *, seed: int, num_steps: int = NUM_STEPS) -> None:
    """Multiply each weight tensor of `net` by a factor m, by `num_steps` signed steps down the gradient `quotient`.

    `m ← m exp(−η sign(∂GQ/∂m))`, each step on a batch of its own, η falling linearly to 0; the factors with the least
    quotient on their batch are kept. Dauphin & Schoenholz 2019, MetaInit: Initializing learning by learning to
    initialize, algorithm 1. There a constant step with momentum is added to each norm, the last norms are kept, and
    images and labels are random numbers; here they are those that are given, and batch norms use the batch's
    statistics. Biases, norms and scales stay. Raises `InitError` where the quotient is not finite.
    """
    generator = torch.Generator().manual_seed(split_seed(seed, "metainit"))
    weights = {name: weight.detach() for name, weight in net.named_parameters() if weight.ndim > 1 and weight.any()}
    factors = torch.ones(len(weights), device=images.device)
    best, least = factors, math.inf
    with probing(net):
        for step in range(num_steps):
            batch = drawn((images, targets), _BATCH_SIZE, generator)
            value, signs = _value_and_signs(net, weights, factors, batch)
            require_finite(value, signs, name="metainit")
            if value.item() < least:
                best, least = factors, value.item()
            factors = factors * (-_RATE * (1 - step / num_steps) * signs).exp()
    with torch.no_grad():
        for weight, factor in zip(weights.values(), best, strict=True):
            weight.mul_(factor)


def _value_and_signs(
    net: ResidualNet, weights: Mapping[str, Tensor], factors: Tensor, batch: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    factors = factors.clone().requires_grad_(True)
    scaled = {name: factor * weight for (name, weight), factor in zip(weights.items(), factors, strict=True)}
    value = quotient(net, scaled, batch)
    (slope,) = torch.autograd.grad(value, factors)
    return value.detach(), slope.sign()


def quotient(net: ResidualNet, parameters: Mapping[str, Tensor], batch: tuple[Tensor, Tensor]) -> Tensor:
    """The gradient quotient `(1/N) Σ |(g − Hg)/(g ± ε) − 1|` over the N entries of `parameters`, a scalar.

    g is the gradient of the loss at `parameters` and H its Hessian; the sign of ε is that of g. 0: the gradient is the
    same one gradient step further on.
    """
    loss = probe_loss(net, parameters, batch)
    values = list(parameters.values())
    gradients = torch.autograd.grad(loss, values, create_graph=True)
    half_square = sum((g.square().sum() / 2 for g in gradients), start=loss.new_zeros(()))
    products = torch.autograd.grad(half_square, values, create_graph=True)
    total = loss.new_zeros(())
    for gradient, product in zip(gradients, products, strict=True):
        sign = torch.where(gradient.detach() >= 0, 1.0, -1.0)
        total = total + ((gradient - product) / (gradient + _EPSILON * sign) - 1.0).abs().sum()
    return total / sum(value.numel() for value in values)
