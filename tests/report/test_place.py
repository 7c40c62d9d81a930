"""Where sites stand along a net."""

from __future__ import annotations

import pytest

from skipline.report.network.place import is_ours, places
from skipline.spec.unfolding import unfold
from skipline.zoo import describe


def test_blocks_are_counted_across_stages() -> None:
    names = ("stem", "stage1.block1.branch", "stage1.block1.out", "stage2.block1.shortcut", "stage2.block1.out", "head")
    found = places(names)
    assert [place.at for place in found] == [0, 0.5, 1, 1.5, 2, 2.5]
    assert [place.role for place in found] == ["trunk", "branch", "trunk", "beside", "trunk", "beside"]
    assert [place.stage for place in found] == ["", "stage 1", "stage 1", "stage 2", "stage 2", ""]


@pytest.mark.parametrize("model", ["digits_resnet20", "cifar_preresnet20", "cifar_plain20", "resnet18"])
def test_the_trunk_of_a_net_is_its_stem_and_its_blocks(model: str) -> None:
    network = describe(model)
    found = places(list(unfold(network).sites))
    trunk = [place.at for place in found if place.role == "trunk"]
    num_blocks = sum(stage.num_blocks for stage in network.stages)
    assert trunk == list(range(num_blocks + 1))
    assert [place.at for place in found] == sorted(place.at for place in found)


def test_sites_of_other_modules_are_counted() -> None:
    names = ("conv1", "layer1.0.sum", "fc")
    assert not is_ours(names)
    assert [(place.at, place.role) for place in places(names)] == [(0, "trunk"), (1, "trunk"), (2, "trunk")]
    assert places(()) == ()
