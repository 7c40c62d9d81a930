"""The net of a race: any even depth, the first stages a block longer where equal ones would not do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skipline.spec import Activation, Network, Norm, SpecError, unfold
from skipline.spec.layers import Conv, Linear
from skipline.study.family import Unit
from skipline.study.net_design import NetDesign
from skipline.zoo import describe

HUNDRED = NetDesign(unit="residual", depth=100, width=8)


def described(design: NetDesign) -> Network:
    return design.network(num_classes=10, in_channels=1, image_size=8)


def test_a_hundred_layers_are_a_hundred() -> None:
    """98 layers in pairs are 49 blocks: 17, 16 and 16. Counted over the plan, too, without the shortcuts."""
    network = described(HUNDRED)
    assert HUNDRED.num_blocks == (17, 16, 16)
    assert network.depth == 100
    weighted = [step for step in unfold(network).steps() if isinstance(step.layer, Conv | Linear)]
    assert len(weighted) == 100, "option A's shortcuts have no weights"


@pytest.mark.parametrize(
    ("depth", "blocks"),
    [(4, (1,)), (5, (1,)), (6, (1, 1)), (7, (1, 1)), (8, (1, 1, 1)), (10, (2, 1, 1)), (12, (2, 2, 1)), (14, (2, 2, 2))],
)
def test_every_depth_from_4_on_exists(depth: int, blocks: tuple[int, ...]) -> None:
    design = replace(HUNDRED, depth=depth)
    assert design.num_blocks == blocks
    assert described(design).depth == depth


@pytest.mark.parametrize(
    ("unit", "name"),
    [("plain", "digits_plain20"), ("residual", "digits_resnet20"), ("preact", "digits_preresnet_basic20")],
)
def test_with_equal_stages_it_is_the_published_net(unit: Unit, name: str) -> None:
    network = described(NetDesign(unit=unit, depth=20, width=8))
    assert replace(network, name=name) == describe(name, num_classes=10, in_channels=1)


def test_its_parts_are_those_asked_for() -> None:
    network = described(
        NetDesign(unit="plain", depth=8, width=4, norm=Norm("none"), activation=Activation("leaky_relu", slope=0.2))
    )
    assert network.name == "plain8-none-leaky_relu0.2"
    assert [stage.channels for stage in network.stages] == [4, 8, 16]
    assert (network.norm.kind, network.activation.slope) == ("none", 0.2)


@pytest.mark.parametrize("depth", [9, 101, 1001])
def test_an_odd_depth_has_a_second_convolution_in_the_stem(depth: int) -> None:
    network = described(replace(HUNDRED, depth=depth))
    assert network.depth == depth
    assert network.stem.channels == (HUNDRED.width, HUNDRED.width)


def test_a_depth_below_the_least_is_refused() -> None:
    with pytest.raises(SpecError, match="there is no depth 3: a stem, a block of two layers and a classifier make 4"):
        replace(HUNDRED, depth=3)


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(SpecError, match="needs images of at least 8×8 pixels; these have 4×4"):
        HUNDRED.network(num_classes=10, in_channels=1, image_size=4)
