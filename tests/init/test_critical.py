"""The critical line: published points, gradients that keep their size through a hundred layers, and refusals."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

from skipline.init import InitError, build, scheme_named
from skipline.init.critical import critical_point
from skipline.spec import Activation, Block, Branch, Head, Network, Norm, NoShortcut, Stage, Stem
from skipline.zoo import describe

TANH = Activation("tanh")


def tanh_net(num_blocks: int, width: int) -> Network:
    """Plain, two 3×3 convolutions a block."""
    stages = (Stage(num_blocks, width, width, block=Block(Branch(), NoShortcut())),)
    return Network("mine", 3, Stem((width,)), stages, Head(5), Norm("none"), TANH)


def test_tanhs_point_is_the_published_one() -> None:
    point = critical_point(TANH, 0.05)
    assert point.weight_variance == pytest.approx(1.7610, abs=1e-4)
    assert point.second_moment == pytest.approx(0.570, abs=1e-3)


@pytest.mark.parametrize("bias_variance", [0.01, 0.05, 0.2])
def test_at_the_point_chi_is_one_and_the_second_moment_is_fixed(bias_variance: float) -> None:
    """Against a Riemann sum over a fine grid."""
    point = critical_point(TANH, bias_variance)
    z = np.linspace(-12, 12, 24_001)
    weight = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    phi = np.tanh(math.sqrt(point.second_moment) * z)
    assert point.weight_variance * np.sum((1 - phi**2) ** 2 * weight) == pytest.approx(1.0, abs=1e-6)
    assert point.weight_variance * np.sum(phi**2 * weight) + bias_variance == pytest.approx(point.second_moment)


@pytest.mark.parametrize(
    ("activation", "weight_variance"), [(Activation(), 2.0), (Activation("leaky_relu", 0.2), 2 / 1.04)]
)
def test_for_rectifiers_it_is_hes_rule(activation: Activation, weight_variance: float) -> None:
    assert critical_point(activation, 0.0).weight_variance == pytest.approx(weight_variance)
    he, critical = (
        build(describe("digits_resnet8"), scheme=scheme_named(n)) for n in ("he_fan_in_normal", "critical(0)")
    )
    x = torch.empty(2, 8, 5, 5).normal_(generator=torch.Generator().manual_seed(1))
    conv = "stage1.block1.branch.conv1"
    torch.testing.assert_close(he.get_submodule(conv)(x), critical.get_submodule(conv)(x))


def backward_slope(scheme: str, *, num_blocks: int = 50, width: int = 24) -> float:
    """d ln E[g²] / d layer over the middle of a plain tanh net on 5 × 5 images of circles, mean of three draws."""
    slopes = []
    for seed in range(3):
        net = build(tanh_net(num_blocks, width), scheme=scheme_named(scheme), seed=seed)
        for module in net.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.padding_mode = "circular"  # a border's zeros would take from the signal at every layer
        kept: list[torch.Tensor] = []
        x = torch.empty(4, 3, 5, 5).normal_(generator=torch.Generator().manual_seed(seed))
        x = net.get_submodule("stem")(x)
        for number in range(1, num_blocks + 1):
            x = net.get_submodule(f"stage1.block{number}")(x)
            x.retain_grad()
            kept.append(x)
        x.backward(torch.empty_like(x).normal_(generator=torch.Generator().manual_seed(9)))
        logs = np.log([tensor.grad.square().mean().item() for tensor in kept if tensor.grad is not None])
        slopes.append(np.polyfit(2 * np.arange(num_blocks)[10:], logs[10:], 1)[0])
    return float(np.mean(slopes))


def test_a_gradient_keeps_its_size_through_a_hundred_layers() -> None:
    """ln E[g²] has slope ln χ₁ = 0 in depth at the point; He's σ_w² = 2.54 is on the far side of the line."""
    assert abs(backward_slope("critical(0.05)")) * 100 < 2.5  # at σ_w² = 1.5, χ₁ = 0.939, it would be 6.3
    assert backward_slope("he_fan_in_normal") * 100 < -10


REFUSED = [
    (
        "critical(0.05)",
        describe("cifar_resnet20"),
        "cifar_resnet20 has batch norms, and critical is a start for networks without: behind a norm the scale of its "
        "weights would mean nothing. Use critical(0), or Norm('none').",
    ),
    (
        "critical(0.1)",
        Network("mine", 3, Stem((8,)), (Stage(1, 8, 8),), Head(5), Norm("none")),
        "mine: with 'relu' there is no σ_w² at which χ₁ = 1 and the signal stays at a fixed size for σ_b² = 0.1. "
        "Use he_fan_in_normal, another σ_b², or the activation tanh.",
    ),
]


@pytest.mark.parametrize(("name", "network", "message"), REFUSED)
def test_a_network_without_such_a_point_is_refused(name: str, network: Network, message: str) -> None:
    with pytest.raises(InitError, match=re.escape(message)):
        build(network, scheme=scheme_named(name))


def test_biases_are_drawn_with_the_variance_that_was_given() -> None:
    net = build(tanh_net(3, 96), scheme=scheme_named("critical(0.05)"))
    biases = torch.cat([tensor for name, tensor in net.named_parameters() if "conv" in name and name.endswith("bias")])
    assert len(biases) == 7 * 96
    assert biases.square().mean().item() == pytest.approx(0.05, rel=0.2)
