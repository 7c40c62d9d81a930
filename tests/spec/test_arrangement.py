"""Where learned shifts stand, in every order of layers: before each convolution, linear layer and activation."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from skipline.spec import (
    Block,
    Branch,
    ConvWeights,
    Head,
    Network,
    Norm,
    ProjectionShortcut,
    SpecError,
    Stage,
    Stem,
    Step,
    unfold,
)
from skipline.spec.block import ORDERS, Order
from skipline.spec.layers import Activate, Conv, LearnedShift, Linear


def network(order: Order, branch: Branch | None = None, stem: Stem | None = None) -> Network:
    block = Block(branch or Branch(), ProjectionShortcut(), order=order)
    stages = (Stage(2, 16, 8, block=block), Stage(2, 32, 16, stride=2, block=block))
    return Network("n", 3, stem or Stem((16,)), stages, Head(10), Norm("none"), biases="scalar")


def names(steps: tuple[Step, ...]) -> str:
    return " ".join(step.name.rsplit(".", 1)[1] for step in steps)


SHIFTED = "shift_conv1 conv1 shift_act1 act1 shift_conv2 conv2"
BRANCHES: dict[Order, tuple[str, str]] = {
    "post": (SHIFTED, "shift_act act"),
    "norm_after_add": (SHIFTED, "shift_act act"),
    "act_before_add": (f"{SHIFTED} shift_act2 act2", ""),
    "act_only_pre": ("shift_act1 act1 shift_conv1 conv1 shift_act2 act2 shift_conv2 conv2", ""),
    "pre": ("shift_act1 act1 shift_conv1 conv1 shift_act2 act2 shift_conv2 conv2", ""),
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_shift_stands_before_each_layer_of_a_block(order: Order) -> None:
    block = unfold(network(order)).blocks[1]
    assert (names(block.branch), names(block.out)) == BRANCHES[order]


@pytest.mark.parametrize("order", ORDERS)
def test_no_layer_has_two_biases_or_none(order: Order) -> None:
    """As in the paper's rule 3, but for the convolution that reads the images."""
    plan = unfold(network(order, Branch("bottleneck", dropout=0.1, antialias="blur"), Stem((8, 16))))
    chains = [plan.stem, plan.head]
    for block in plan.blocks:
        chains += [(*block.entry, *block.branch), block.shortcut, block.out]
    for chain in chains:
        for before, step in zip((None, *chain), chain, strict=False):
            if isinstance(step.layer, Conv | Activate | Linear) and step.name != "stem.conv1":
                assert before is not None
                assert before.layer == LearnedShift(0.0), step.name
            assert not (isinstance(step.layer, Conv) and step.layer.bias), step.name


def test_a_projection_that_shares_the_entry_has_its_own_shift() -> None:
    block = unfold(network("pre")).blocks[2]
    assert (names(block.entry), names(block.shortcut)) == ("shift_act1 act1", "shift_conv conv")
    assert names(block.branch) == "shift_conv1 conv1 shift_act2 act2 shift_conv2 conv2"


def test_the_stem_and_the_head_have_shifts() -> None:
    plan = unfold(network("post", stem=Stem((8, 16))))
    assert names(plan.stem) == "conv1 shift_act1 act1 shift_conv2 conv2 shift_act2 act2"
    assert names(plan.head) == "pool shift_linear linear"


def test_scalar_biases_need_a_network_without_norms() -> None:
    message = (
        "Network.biases is 'scalar' with norm 'batch', which shifts each channel itself. "
        "Leave it at 'channel', or use Norm('none')."
    )
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        replace(network("post"), norm=Norm())


def test_every_convolution_but_the_one_that_reads_the_images_has_the_gain() -> None:
    weights = ConvWeights("scaled", gain=1.5)
    net = replace(network("pre", stem=Stem((8, 16))), conv_weights=weights)
    convs = {step.name: step.layer.weights for step in unfold(net).steps() if isinstance(step.layer, Conv)}
    assert convs.pop("stem.conv1") == replace(weights, gain=1.0)
    assert len(convs) == 1 + 4 * 2 + 1
    assert set(convs.values()) == {weights}
