"""From what a person writes to a place of a net."""

from __future__ import annotations

import re
from typing import Any

import pytest

from skipline.init import build
from skipline.nn import place_of
from skipline.spec import unfold
from skipline.zoo import describe

NET = build(describe("cifar_resnet20")).to("meta")


def test_names_are_themselves_and_indices_are_those_of_blocks() -> None:
    plan = unfold(NET.network)
    for name in (*plan.sites, *(step.name for step in plan.steps()), "stage2", "stage2.block1"):
        assert place_of(NET, name) == name
    assert [place_of(NET, index) for index in range(9)] == [block.name for block in plan.blocks]
    assert (place_of(NET, -1), place_of(NET, -9)) == ("stage3.block3", "stage1.block1")


@pytest.mark.parametrize(
    ("site", "message"),
    [
        ("stage1.block2.summ", "the network has no place 'stage1.block2.summ'. Did you mean 'stage1.block2.sum'?"),
        ("", "the network has no place ''."),
        ("network", "the network has no place 'network'."),
        (9, "block 9 does not exist: cifar_resnet20 has 9 blocks, 0 to 8 or -9 to -1. The nearest is 8."),
        (-10, "block -10 does not exist: cifar_resnet20 has 9 blocks, 0 to 8 or -9 to -1. The nearest is -9."),
        (True, "site is True; expected a name, e.g. 'stage1', or the index of a block, e.g. -1."),
        (1.5, "site is 1.5; expected a name"),
    ],
)
def test_what_is_no_place_is_answered_with_the_nearest(site: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        place_of(NET, site)
