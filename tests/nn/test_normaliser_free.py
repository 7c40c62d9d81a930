"""Scaled weights, learned shifts, shaped activations and downscaled inputs, each against its definition."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from skipline.init import build
from skipline.nn import ResidualNet
from skipline.spec import (
    Activation,
    Block,
    Branch,
    ConvWeights,
    Head,
    Merge,
    Network,
    Norm,
    ProjectionShortcut,
    Stage,
    Stem,
)
from skipline.spec.layers import ACTIVATION_KINDS

X = torch.empty(2, 8, 7, 6).normal_(generator=torch.Generator().manual_seed(6))


def net_of(block: Block, **changes: Any) -> ResidualNet:
    stages = (Stage(1, 8, 8, block=block), Stage(2, 16, 16, stride=2, block=block))
    return build(Network("net", 3, Stem((8,)), stages, Head(5), Norm("none"), **changes), seed=3)


@pytest.mark.parametrize("groups", [1, 2])
def test_scaled_weights_are_the_equation(groups: int) -> None:
    net = net_of(Block(Branch(groups=groups)), conv_weights=ConvWeights("scaled", epsilon=0.01, gain=1.7))
    conv = net.get_submodule("stage1.block1.branch.conv1")
    weight, learned = conv.get_parameter("weight"), conv.get_parameter("gain")
    assert torch.equal(learned, torch.ones(8))
    with torch.no_grad():
        learned.copy_(torch.arange(8.0))
    rows = weight.detach().flatten(1)
    fan_in = 9 * 8 // groups
    assert rows.shape == (8, fan_in)
    variance = ((rows - rows.mean(1, keepdim=True)) ** 2).mean(1, keepdim=True)
    scaled = learned[:, None] * 1.7 * (rows - rows.mean(1, keepdim=True)) / (fan_in * variance + 0.01).sqrt()
    expected = functional.conv2d(X, scaled.view_as(weight), conv.get_parameter("bias"), padding=1, groups=groups)
    torch.testing.assert_close(conv(X), expected)


def test_the_convolution_that_reads_the_images_has_no_gain_for_an_activation() -> None:
    """Unit variance in, unit variance out, where no border is read."""
    net = net_of(Block(order="pre"), conv_weights=ConvWeights("scaled", epsilon=1e-12, gain=1.7))
    images = torch.empty(64, 3, 12, 12).normal_(generator=torch.Generator().manual_seed(1))
    out = net.get_submodule("stem")(images)[..., 1:-1, 1:-1]
    assert out.var(dim=(0, 2, 3)).mean().item() == pytest.approx(1.0, rel=0.05)


def test_a_learned_shift_adds_and_learns() -> None:
    shift = net_of(Block(), biases="scalar").get_submodule("stage1.block1.branch.shift_conv1")
    assert torch.equal(shift(X), X)
    with torch.no_grad():
        shift.get_parameter("offset").fill_(0.5)
    assert torch.equal(shift(X), X + 0.5)
    shift(X).sum().backward()
    assert shift.get_parameter("offset").grad == X.numel()
    assert shift(X.bfloat16()).dtype == torch.bfloat16


def by_hand(kind: str, x: Tensor) -> Tensor:
    """φ from exp, erf and tanh alone."""
    return {
        "relu": x.clamp(min=0),
        "leaky_relu": torch.where(x > 0, x, 0.25 * x),
        "elu": torch.where(x > 0, x, x.exp() - 1),
        "gelu": x * (1 + torch.erf(x / math.sqrt(2))) / 2,
        "silu": x / (1 + (-x).exp()),
        "tanh": x.tanh(),
        "identity": x,
    }[kind]


@pytest.mark.parametrize("shape", [(1.5, 0.25, -0.125, 2.0), (1.5, 0.0, 0.0, 1.0), (1.0, 0.0, 0.0, 2.0)])
@pytest.mark.parametrize("kind", ACTIVATION_KINDS)
def test_a_shaped_activation_is_the_equation(kind: Any, shape: tuple[float, float, float, float]) -> None:
    activation = Activation(kind, 0.25 if kind == "leaky_relu" else 0.0, *shape)
    act = net_of(Block(), activation=activation).get_submodule("stage1.block1.branch.act1")
    input_scale, input_shift, output_shift, output_scale = shape
    torch.testing.assert_close(act(X), output_scale * (by_hand(kind, input_scale * X + input_shift) + output_shift))


def test_an_activation_that_is_not_shaped_is_pytorchs_own() -> None:
    assert type(net_of(Block()).get_submodule("stage1.block1.branch.act1")) is nn.ReLU


def test_a_block_reads_its_input_over_its_predicted_deviation() -> None:
    """h + 0.5 f(h/β): β² = 1, then 1 + 0.25; the projection behind reads h/β too, and the count begins again."""
    block = Block(Branch(), ProjectionShortcut(), Merge(branch_scale=0.5), "pre")
    net = net_of(block, branch_input="unit_variance", first_identity="raw")
    first, second, third = (net.get_submodule(name) for name in ("stage1.block1", "stage2.block1", "stage2.block2"))
    h = X

    def f(block: nn.Module, x: Tensor, stride: int = 1) -> Tensor:
        conv1, conv2 = block.get_submodule("branch.conv1"), block.get_submodule("branch.conv2")
        inner = functional.conv2d(x.clamp(min=0), conv1.get_parameter("weight"), padding=1, stride=stride)
        return functional.conv2d(inner.clamp(min=0), conv2.get_parameter("weight"), padding=1)

    torch.testing.assert_close(first(h), h + 0.5 * f(first, h))
    scaled = h / math.sqrt(1.25)
    projection = second.get_submodule("shortcut.conv").get_parameter("weight")
    expected = functional.conv2d(scaled.clamp(min=0), projection, stride=2) + 0.5 * f(second, scaled, 2)
    torch.testing.assert_close(second(h), expected)
    h = torch.cat((h, -h), dim=1)
    torch.testing.assert_close(third(h), h + 0.5 * f(third, h / math.sqrt(1.25)))
