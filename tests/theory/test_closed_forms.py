"""Predictions, folded layer by layer, against the closed forms of the laws: wide nets, large images."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skipline.init import laws_of, scheme_named
from skipline.spec import Activation, Block, Head, Network, Norm, NoShortcut, Stage, Stem
from skipline.theory import (
    Prediction,
    correlation_after,
    doubled,
    gradient_growth,
    preactivation_moments,
    predict_signals,
    walk_after,
)

BLOCKS, WIDTH = 10, 256
PLAIN, PRE = Block(shortcut=NoShortcut()), Block(order="pre")
NONE, BATCH = Norm("none"), Norm("batch")


def predicted(block: Block, norm: Norm) -> Prediction:
    """Of one stage started by He's rule, at a size whose border is small."""
    stage = Stage(BLOCKS, WIDTH, WIDTH, block=block)
    network = Network("net", 3, Stem((WIDTH,)), (stage,), Head(10), norm=norm)
    if block.order == "pre":
        network = replace(network, first_identity="raw")
    return predict_signals(network, laws_of(network, scheme_named("he_fan_in_normal")), image_size=256)


def test_two_inputs_of_a_plain_net_become_one_direction() -> None:
    """The stem and two layers a block."""
    sites = predicted(PLAIN, NONE).sites
    for block in (1, 5, BLOCKS):
        found = sites[f"stage1.block{block}.out"].correlation
        assert found == pytest.approx(correlation_after(1 + 2 * block), abs=1e-4)


def test_gradients_of_a_plain_net_with_norms_grow_by_the_law() -> None:
    """Zeros around the image cost some per cent."""
    sites = predicted(PLAIN, BATCH).sites
    first, last = (sites[f"stage1.block{block}.out"].gradient_norm for block in (1, BLOCKS))
    assert first is not None
    assert last is not None
    assert first / last == pytest.approx(gradient_growth(Activation("relu"), 2 * (BLOCKS - 1)), rel=0.03)


def test_blocks_without_norms_double_the_signal() -> None:
    """But for about 1 % that a branch's two convolutions lose at the border."""
    sites = predicted(PRE, NONE).sites
    grown = sites[f"stage1.block{BLOCKS}.sum"].second_moment / sites["stage1.block1.sum"].second_moment
    assert grown == pytest.approx(doubled(BLOCKS - 1), rel=0.07)


def test_blocks_with_norms_add_one_each() -> None:
    sites = predicted(PRE, BATCH).sites
    grown = sites[f"stage1.block{BLOCKS}.sum"].second_moment - sites["stage1.block1.sum"].second_moment
    assert grown == pytest.approx(preactivation_moments(BLOCKS)[0] - preactivation_moments(1)[0], rel=0.01)


def test_the_lectures_block_walks_reflected_at_0() -> None:
    sites = predicted(Block(), BATCH).sites
    for block in (1, 5, BLOCKS):
        found, expected = sites[f"stage1.block{block}.out"], walk_after(block)
        assert found.zero_fraction == pytest.approx(expected.zero_fraction, abs=1e-3)
        assert found.second_moment == pytest.approx(expected.second_moment, rel=0.01)
