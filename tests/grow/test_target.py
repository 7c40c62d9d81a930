"""From a depth to the deeper network: counts as published, nearest depths in the message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skipline.grow import GrowError, deeper, plan_deepening
from skipline.spec import Block, Branch, Network, SpecError, StochasticDepth
from skipline.zoo import describe

from .nets import small


@pytest.mark.parametrize(
    ("name", "depth", "deep_name", "counts"),
    [
        ("cifar_resnet20", 1202, "cifar_resnet1202", [200, 200, 200]),
        ("cifar_preresnet164", 1001, "cifar_preresnet1001", [111, 111, 111]),
        ("cifar_wrn16_8", 28, "cifar_wrn28_8", [4, 4, 4]),
        ("digits_plain8", 110, "digits_plain110", [18, 18, 18]),
        ("resnet18", 34, "resnet34", [3, 4, 6, 3]),
        ("resnet50", 152, "resnet152", [3, 8, 36, 3]),
        ("resnet101d", 152, "resnet152d", [3, 8, 36, 3]),
        ("seresnet50", 101, "seresnet101", [3, 4, 23, 3]),
    ],
)
def test_a_named_network_grows_to_the_depth_in_a_name(name: str, depth: int, deep_name: str, counts: list[int]) -> None:
    found = deeper(describe(name, num_classes=7, in_channels=1), depth)
    assert found.name == deep_name
    assert [stage.num_blocks for stage in found.stages] == counts
    assert found == describe(deep_name, num_classes=7, in_channels=1)


def test_what_was_changed_in_a_named_network_stays() -> None:
    own = replace(describe("resnet18"), stochastic_depth=StochasticDepth(0.1))
    found = deeper(own, 34)
    assert found == replace(describe("resnet34"), stochastic_depth=StochasticDepth(0.1))


@pytest.mark.parametrize(
    ("network", "depth", "counts"),
    [
        (small(num_blocks=(1, 2)), 12, [2, 3]),  # 8 layers; one more block in each of two stages adds 4
        (small(num_blocks=(1, 2)), 48, [11, 12]),
        (small(block=Block(Branch("bottleneck")), num_blocks=(1, 1)), 14, [2, 2]),  # 8 and 6
        (replace(small(), name="cifar_resnet20"), 12, [2, 3]),  # a name of the table, but not its network
    ],
)
def test_any_other_network_gets_as_many_blocks_in_each_stage(network: Network, depth: int, counts: list[int]) -> None:
    found = deeper(network, depth)
    assert found.depth == depth
    assert [stage.num_blocks for stage in found.stages] == counts
    plan_deepening(network, found)


def test_the_new_name_says_the_depth() -> None:
    once = deeper(small(), 12)
    assert once.name == "small-12"
    assert deeper(once, 16).name == "small-16"
    assert deeper(replace(small(), name="net8_wide"), 12).name == "net12_wide"
    assert deeper(replace(small(), name="a" * 100), 12).name == f"{'a' * 80}-12"


@pytest.mark.parametrize(
    ("network", "depth", "words"),
    [
        (describe("cifar_resnet20"), 57, "depths are 6n+2; the nearest are 56 and 62"),
        (describe("cifar_preresnet164"), 1000, "depths are 9n+2; the nearest are 992 and 1001"),
        (describe("cifar_resnet20"), 20, "is 20 layers deep already and 20 is not more"),
        (describe("resnet50"), 110, "those with the same stages of more blocks are resnet101, resnet152, resnet200."),
        (describe("resnet34"), 50, "none has more of the same. Name one"),
        (small(), 13, "adds 4: there is no depth 13; the nearest are 12 and 16"),
        (small(), 10, "there is no depth 10; the least is 12"),
        (small(), 8, "there is no depth 8; the least is 12"),
    ],
)
def test_a_depth_that_there_is_not(network: Network, depth: int, words: str) -> None:
    with pytest.raises((GrowError, SpecError)) as refused:
        deeper(network, depth)
    assert words in str(refused.value)
