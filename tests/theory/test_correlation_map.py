"""What a network does to a correlation, by hand: compositions, additions, branches, and what is refused."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest

from skipline.spec import (
    Attention,
    Block,
    Branch,
    ConvWeights,
    Head,
    Merge,
    Network,
    Norm,
    NoShortcut,
    PadShortcut,
    ProjectionShortcut,
    SpecError,
    Stage,
    Stem,
)
from skipline.spec.block import Order
from skipline.theory.correlation_map import correlation_map

PSI = 1.25


def slope(c: float) -> float:
    return PSI * c


def network(block: Block, num_blocks: int = 2, **changes: Any) -> Network:
    stages = (Stage(num_blocks, 16, 16, block=block), Stage(num_blocks, 32, 32, stride=2, block=block))
    return replace(Network("n", 3, Stem((16,)), stages, Head(10), Norm("none")), **changes)


@pytest.mark.parametrize("order", ["post", "pre", "act_only_pre", "act_before_add", "norm_after_add"])
def test_a_plain_network_is_a_composition(order: Order) -> None:
    """Four blocks of two activations, and one in the stem or the head."""
    maps = correlation_map(network(Block(Branch(), NoShortcut(), order=order)))
    assert maps.of_network(slope, 1.0) == pytest.approx(PSI**9)
    assert maps.largest(slope, 1.0) == pytest.approx(PSI**9)


def test_an_addition_weighs_by_the_second_moments() -> None:
    """Pre-activation: 0.8 x + 0.6 f(x) keeps q, so each block has 0.64 + 0.36 ψ²; a projection reads behind one ψ."""
    block = Block(Branch(), ProjectionShortcut(), Merge(branch_scale=0.6, shortcut_scale=0.8), "pre")
    maps = correlation_map(network(block, first_identity="raw"))
    identity = 0.64 + 0.36 * PSI**2
    projection = 0.64 * PSI + 0.36 * PSI**2
    assert maps.of_network(slope, 1.0) == pytest.approx(identity**3 * projection * PSI)


def test_second_moments_grow_where_nothing_scales_them() -> None:
    """x + f(x): q doubles and the shares stay (1/2, 1/2); x + 0.5 f(x): q = 1, 1.25, 1.5625, shares 0.8 and 0.2."""
    for scale, share in ((1.0, 0.5), (0.5, 0.2)):
        block = Block(Branch(), PadShortcut(), Merge(branch_scale=scale), "pre")
        one = Network(
            "n", 3, Stem((16,)), (Stage(3, 16, 16, block=block),), Head(2), Norm("none"), first_identity="raw"
        )
        factor = (1 - share) + share * PSI**2
        assert correlation_map(one).of_network(slope, 1.0) == pytest.approx(factor**3 * PSI)


def test_in_the_original_block_the_activation_behind_the_addition_counts() -> None:
    block = Block(Branch(), PadShortcut(), Merge(branch_scale=0.6, shortcut_scale=0.8))
    one = Network("n", 3, Stem((16,)), (Stage(3, 16, 16, block=block),), Head(2), Norm("none"))
    factor = 0.64 + 0.36 * PSI  # one activation between the two convolutions
    assert correlation_map(one).of_network(slope, 1.0) == pytest.approx(PSI * (factor * PSI) ** 3)


def test_a_branch_alone_can_be_the_steepest_part() -> None:
    """At a scale of 0.01 the network is nearly linear, and a bottleneck's branch has three activations."""
    merge = Merge(branch_scale=0.01, shortcut_scale=math.sqrt(1 - 0.01**2))
    block = Block(Branch("bottleneck"), PadShortcut(), merge, "pre")
    one = Network("n", 3, Stem((16,)), (Stage(2, 16, 8, block=block),), Head(2), Norm("none"), first_identity="raw")
    maps = correlation_map(one)
    assert maps.of_network(slope, 1.0) == pytest.approx(PSI, rel=1e-3)
    assert maps.largest(slope, 1.0) == pytest.approx(PSI**3)


def test_a_branch_at_0_adds_nothing() -> None:
    block = Block(Branch(), PadShortcut(), Merge(branch_scale=0.0, branch_scaling="learned"), "pre")
    one = Network("n", 3, Stem((16,)), (Stage(9, 16, 16, block=block),), Head(2), Norm("none"), first_identity="raw")
    assert correlation_map(one).of_network(slope, 1.0) == pytest.approx(PSI)


PRE = Block(Branch(), ProjectionShortcut(), order="pre")
REFUSED = {
    "norm": (
        network(PRE, norm=Norm()),
        "n: norm 'batch' changes the correlation of inputs by itself. Shape a network with Norm('none').",
    ),
    "weights": (
        network(PRE, conv_weights=ConvWeights("scaled")),
        "n: weights of kind 'scaled' have no mean, which changes the correlation of inputs too. "
        "Shape a network with ConvWeights().",
    ),
    "attention": (
        network(replace(PRE, branch=Branch(attention=Attention("eca")))),
        "n: stage1 has attention, whose factors depend on the images. Leave it out, or leave the activation as it is.",
    ),
    "gate": (
        network(replace(PRE, merge=Merge(gate="shortcut"))),
        "n: stage1 has a gate, whose factors depend on the images. Leave it out, or leave the activation as it is.",
    ),
    "halves": (
        network(replace(PRE, coupling="additive")),
        "n: stage1 couples two halves of the channels, whose correlations differ, and one number is followed here. "
        "Use Block(coupling='none'), or leave the activation as it is.",
    ),
    "zeros": (
        network(replace(PRE, shortcut=PadShortcut())),
        "n: stage2 adds channels of zeros, whose signal no correlation describes. Use ProjectionShortcut().",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_laws_are_refused(case: str) -> None:
    net, message = REFUSED[case]
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        correlation_map(net)
