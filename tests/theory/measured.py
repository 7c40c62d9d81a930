"""Signals measured through the real modules, in the conventions of a prediction; with hooks of the tests' own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn

from skipline.init import Scheme, build, laws_of, scheme_named
from skipline.nn.net import seed_dropout
from skipline.spec import Activation, Block, Branch, Head, Network, Norm, NoShortcut, Stage, Stem, unfold
from skipline.spec.layers import ActivationKind, NormKind
from skipline.theory.predict import predict_signals
from skipline.theory.prediction import Inputs, Prediction

PLAIN = Block(Branch(), NoShortcut())
RESIDUAL = Block()
PRE = Block(order="pre")


@dataclass(frozen=True)
class Reading:
    """What a site's tensor and its gradient are, as `SitePrediction` says."""

    second_moment: float
    channel_mean_square: float
    zero_fraction: float
    correlation: float
    gradient_norm: float


def network(
    block: Block,
    num_blocks: int,
    *,
    norm: NormKind = "batch",
    activation: ActivationKind = "relu",
    width: int = 32,
    stages: int = 1,
) -> Network:
    """Stages of `num_blocks` blocks behind a 3×3 stem, each of twice the channels of the one before, half the side."""
    rows = tuple(
        Stage(num_blocks, width * 2**number, width * 2**number, stride=1 if number == 0 else 2, block=block)
        for number in range(stages)
    )
    groups = 4 if norm == "group" else 1
    slope = 0.2 if activation == "leaky_relu" else 0.0
    return Network("net", 3, Stem((width,)), rows, Head(10), Norm(norm, groups), Activation(activation, slope))


def predict(network: Network, scheme: str, *, side: int, num_images: int, correlation: float = 0.0) -> Prediction:
    """The prediction for standard normal images."""
    inputs = Inputs(correlation=correlation, num_images=num_images)
    return predict_signals(network, laws_of(network, scheme_named(scheme)), image_size=side, inputs=inputs)


def measure(
    network: Network, scheme: str, *, side: int, num_images: int, seeds: int, correlation: float = 0.0
) -> dict[str, Reading]:
    """At each site the median over nets of several seeds, each with its own images."""
    named = scheme_named(scheme)
    runs = [_run(network, named, seed, (side, num_images), correlation) for seed in range(seeds)]
    return {name: _median([run[name] for run in runs]) for name in unfold(network).sites}


def _run(network: Network, scheme: Scheme, seed: int, sizes: tuple[int, int], correlation: float) -> dict[str, Reading]:
    side, num_images = sizes
    net = build(network, seed=seed, scheme=scheme).train()
    seed_dropout(net, seed)
    generator = torch.Generator().manual_seed(seed + 1000)
    images = torch.randn(num_images, network.in_channels, side, side, generator=generator)
    if correlation:
        shared = torch.randn(1, network.in_channels, side, side, generator=generator)
        images = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * images
    passed: dict[str, Tensor] = {}
    for name in unfold(network).sites:
        _tap(net.get_submodule(name), name, passed)
    logits = net(images.requires_grad_())
    objective = (logits * torch.randn(logits.shape, generator=generator)).sum()
    gradients = torch.autograd.grad(objective, list(passed.values()))
    return {name: _read(x.detach(), g) for (name, x), g in zip(passed.items(), gradients, strict=True)}


def _tap(module: nn.Module, name: str, passed: dict[str, Tensor]) -> None:
    def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        passed[name] = output.view_as(output)
        return passed[name]

    module.register_forward_hook(hook)


def _read(x: Tensor, gradient: Tensor) -> Reading:
    x, gradient = x.double(), gradient.double()
    others = [dim for dim in range(x.dim()) if dim != 1]
    rows = x.flatten(1)
    directions = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-300)
    num = len(x)
    cosines = (directions.sum(0).square().sum() - directions.square().sum()) / (num * (num - 1))
    return Reading(
        x.square().mean().item(),
        x.mean(dim=others).square().mean().item(),
        (x == 0).double().mean().item(),
        cosines.item(),
        gradient.flatten(1).square().sum(1).mean().sqrt().item(),
    )


def _median(readings: Sequence[Reading]) -> Reading:
    return Reading(
        *(
            median(getattr(reading, name) for reading in readings)
            for name in ("second_moment", "channel_mean_square", "zero_fraction", "correlation", "gradient_norm")
        )
    )


def log_errors(prediction: Prediction, readings: dict[str, Reading], *, skip: Sequence[str] = ("head",)) -> list[float]:
    """The largest |ln(predicted / measured)| of second moments and of gradient norms, but at the sites of `skip`."""
    worst = [0.0, 0.0]
    for name, site in prediction.sites.items():
        if name not in skip:
            reading = readings[name]
            errors = (
                _log_ratio(site.second_moment, reading.second_moment),
                _log_ratio(site.gradient_norm, reading.gradient_norm),
            )
            worst = [max(pair) for pair in zip(worst, errors, strict=True)]
    return worst


def outside(prediction: Prediction, readings: dict[str, Reading]) -> list[str]:
    """The sites at which a second moment or a gradient norm is not within its band."""
    found = []
    for name, site in prediction.sites.items():
        reading = readings[name]
        if _log_ratio(site.second_moment, reading.second_moment) > math.log(site.band):
            found.append(f"{name}: second moment {site.second_moment:.4g}, measured {reading.second_moment:.4g}")
        if _log_ratio(site.gradient_norm, reading.gradient_norm) > math.log(site.gradient_band):
            found.append(f"{name}: gradient {site.gradient_norm:.4g}, measured {reading.gradient_norm:.4g}")
    return found


def _log_ratio(one: float, two: float) -> float:
    if one == two:
        return 0.0
    return abs(math.log(one / two)) if one > 0 and two > 0 else math.inf
