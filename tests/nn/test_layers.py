"""The blur, standardised weights, learned scales and zero borders, each against its definition."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from skipline.init import build
from skipline.nn import ResidualNet
from skipline.spec import Block, Branch, ConvWeights, Head, Merge, Network, Norm, PadShortcut, Stage, Stem

X = torch.empty(2, 8, 7, 6).normal_(generator=torch.Generator().manual_seed(6))


def net_of(block: Block, *, pool: Any = "none", **changes: Any) -> ResidualNet:
    stages = (Stage(1, 8, 8, block=block), Stage(1, 16, 16, stride=2, block=block))
    return build(Network("net", 3, Stem((8,), pool=pool), stages, Head(5), **changes), seed=3)


def mirrored(x: Tensor, i: int, j: int) -> Tensor:
    """The pixel at (i, j), mirrored at the borders."""
    height, width = x.shape[2:]
    return x[:, :, height - 1 - abs(height - 1 - abs(i)), width - 1 - abs(width - 1 - abs(j))]


@pytest.mark.parametrize("place", ["stem.blur", "stage2.block1.branch.antialias", "stage2.block1.shortcut.blur"])
def test_a_blur_is_the_binomial_filter_over_the_mirrored_image(place: str) -> None:
    block = Block(Branch(antialias="blur"), PadShortcut(subsample="blur"))
    blur = net_of(block, pool="max_blur").get_submodule(place)
    assert not list(blur.parameters())
    assert not list(blur.buffers())
    got = blur(X)
    assert got.shape == (2, 8, 4, 3)
    taps = {-1: 0.25, 0: 0.5, 1: 0.25}
    for i in range(4):
        for j in range(3):
            expected = torch.zeros(2, 8)
            for di, a in taps.items():
                for dj, b in taps.items():
                    expected += a * b * mirrored(X, 2 * i + di, 2 * j + dj)
            torch.testing.assert_close(got[:, :, i, j], expected)


@pytest.mark.parametrize("groups", [1, 2])
def test_standardised_weights_have_mean_0_and_variance_1_in_each_output_channel(groups: int) -> None:
    weights = ConvWeights("standardised", epsilon=0.01)
    net = net_of(Block(Branch(groups=groups)), norm=Norm("none"), conv_weights=weights)
    conv = net.get_submodule("stage1.block1.branch.conv1")
    weight, bias = conv.get_parameter("weight"), conv.get_parameter("bias")
    assert weight.shape == (8, 8 // groups, 3, 3)
    rows = weight.detach().flatten(1)
    variance = ((rows - rows.mean(1, keepdim=True)) ** 2).mean(1, keepdim=True)
    standard = ((rows - rows.mean(1, keepdim=True)) / (variance + 0.01).sqrt()).view_as(weight)
    torch.testing.assert_close(conv(X), conv2d(X, standard, bias, padding=1, groups=groups))


def test_a_standardised_convolution_gives_the_same_in_either_memory_format() -> None:
    net = net_of(Block(), norm=Norm("group", groups=4), conv_weights=ConvWeights("standardised")).eval()
    images = torch.ones(2, 3, 8, 8)
    expected = net(images)
    net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    torch.testing.assert_close(net(images.contiguous(memory_format=torch.channels_last)), expected)


def test_a_learned_scale_multiplies_and_learns() -> None:
    net = net_of(Block(merge=Merge(branch_scale=0.5, branch_scaling="learned")))
    scale = net.get_submodule("stage1.block1.branch.scale")
    assert torch.equal(scale(X), 0.5 * X)
    scale(X).sum().backward()
    torch.testing.assert_close(scale.get_parameter("factor").grad, X.sum())
    assert scale(X.bfloat16()).dtype == torch.bfloat16


def test_skip_init_starts_as_the_identity_and_leaves_it() -> None:
    """Without norms, each branch at 0 times f: a block starts as its shortcut, and its scale has a gradient."""
    net = net_of(Block(merge=Merge(branch_scale=0.0, branch_scaling="learned")), norm=Norm("none"))
    block = net.get_submodule("stage1.block1")
    torch.testing.assert_close(block(X), X.clamp(min=0))
    net(torch.ones(2, 3, 8, 8)).square().sum().backward()
    gradient = net.get_parameter("stage1.block1.branch.scale.factor").grad
    assert gradient is not None
    assert gradient.item() != 0


def test_zeros_around_the_image_are_larger_than_what_is_negative() -> None:
    stem = net_of(Block(order="pre"), pool="max_zeros").get_submodule("stem")
    got = stem.get_submodule("pool")(stem.get_submodule("border")(-torch.ones(1, 8, 4, 4)))
    assert torch.equal(got[0, 0], torch.tensor([[0.0, 0.0], [0.0, -1.0]]))
