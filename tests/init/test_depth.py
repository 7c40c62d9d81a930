"""Branches that shrink with the depth: what all blocks together do to the second moment."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor

from skipline.init import InitError, build, scheme_named
from skipline.nn import ResidualNet
from skipline.spec import Activation, Block, Branch, Head, Network, Norm, NoShortcut, ProjectionShortcut, Stage, Stem

WIDTH = 48


def preactivated(num_blocks: int, *, kind: str = "basic", inner: int = WIDTH) -> Network:
    """A pre-activation net without norms and without a change of shape."""
    branch = Branch("bottleneck" if kind == "bottleneck" else "basic")
    stages = (Stage(num_blocks, WIDTH, inner, block=Block(branch, order="pre")),)
    return Network("mine", 3, Stem((WIDTH,)), stages, Head(5), Norm("none"), first_identity="raw")


def growth(network: Network, name: str, seed: int) -> float:
    """E[x²] behind all blocks over that behind the stem, far from the border; mean of the images."""
    net: ResidualNet = build(network, scheme=scheme_named(name), seed=seed)
    x = net.get_submodule("stem")(gaussian(4, seed))
    with torch.no_grad():
        y = net.get_submodule("stage1")(x)
    return (y.square().mean() / x.square().mean()).item()


def gaussian(num_images: int, seed: int) -> Tensor:
    return torch.empty(num_images, 3, 6, 6).normal_(generator=torch.Generator().manual_seed(seed))


def interior_share(side: int) -> float:
    """The share of a 3×3 convolution's taps that read the image and not the border, on a square of `side` pixels."""
    return ((3 * side - 2) / (3 * side)) ** 2


@pytest.mark.parametrize("depth", [8, 64])
def test_arpits_sum_over_all_blocks_grows_to_e_at_most(depth: int) -> None:
    """Each block adds 1/L of the second moment, less what the border's zeros take from its two convolutions."""
    measured = sum(growth(preactivated(depth), "arpit", seed) for seed in range(4)) / 4
    expected = (1 + interior_share(6) ** 2 / depth) ** depth
    assert measured == pytest.approx(expected, rel=0.15)
    assert measured < math.e


@pytest.mark.parametrize("depth", [16, 64])
def test_he_at_the_same_depth_doubles_with_every_block(depth: int) -> None:
    """What the two rules above are for: (1 + share)^L and not e."""
    measured = sum(math.log2(growth(preactivated(depth), "he_fan_in_normal", seed)) for seed in range(3)) / 3
    assert measured / depth == pytest.approx(math.log2(1 + interior_share(6) ** 2), rel=0.1)


@pytest.mark.parametrize(("c", "depth"), [(1.0, 8), (4.0, 8), (4.0, 64)])
def test_takis_blocks_add_what_the_equation_says(c: float, depth: int) -> None:
    """Two layers of Var c/(nL), each behind a ReLU, multiply by (c/2L)²; the sum over L blocks is bounded."""
    measured = sum(growth(preactivated(depth), f"taki({c})", seed) for seed in range(3)) / 3
    block = (c / (2 * depth)) ** 2 * interior_share(6) ** 2
    assert measured - 1 == pytest.approx((1 + block) ** depth - 1, rel=0.25, abs=1e-3)
    assert measured < math.exp(c / 2)


@pytest.mark.parametrize("name", ["taki(1.0)", "arpit"])
def test_the_gradient_is_bounded_as_the_signal_is(name: str) -> None:
    net = build(preactivated(64), scheme=scheme_named(name), seed=1)
    x = net.get_submodule("stem")(gaussian(4, 1)).detach().requires_grad_(True)
    y = net.get_submodule("stage1")(x)
    y.backward(torch.empty_like(y).normal_(generator=torch.Generator().manual_seed(3)))
    assert x.grad is not None
    assert 1.0 < x.grad.square().mean().item() < math.e


def test_elsewhere_is_hes_rule() -> None:
    stages = (Stage(2, WIDTH, WIDTH, block=Block(shortcut=ProjectionShortcut("always"), order="pre")),)
    network = Network("mine", 3, Stem((WIDTH,)), stages, Head(5), Norm("none"))
    he, arpit, taki = (
        build(network, scheme=scheme_named(name)).state_dict() for name in ("he_fan_in_normal", "arpit", "taki(1)")
    )
    assert torch.equal(he["stage1.block1.shortcut.conv.weight"], taki["stage1.block1.shortcut.conv.weight"])
    assert torch.equal(he["stage1.block1.branch.conv1.weight"], arpit["stage1.block1.branch.conv1.weight"])
    torch.testing.assert_close(
        he["stage1.block2.branch.conv2.weight"], math.sqrt(2) * arpit["stage1.block2.branch.conv2.weight"]
    )


@pytest.mark.parametrize("name", ["taki", "arpit"])
def test_a_plain_net_is_refused(name: str) -> None:
    stages = (Stage(1, 8, 8, block=Block(shortcut=NoShortcut())),)
    network = Network("mine", 3, Stem((8,)), stages, Head(5), Norm("none"), Activation())
    message = (
        f"mine: stage1 is plain, and {name} shrinks branches by the number of blocks: with no shortcut beside them "
        "the signal would vanish. Use he_fan_in_normal, or blocks with a shortcut."
    )
    with pytest.raises(InitError, match=re.escape(message)):
        build(network, scheme=scheme_named("taki(1)" if name == "taki" else name))
