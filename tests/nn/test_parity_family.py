"""Parity: each switch of the family, in networks cut short, computes what timm computes."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest
import torch

from skipline.spec import Network, with_output_stride
from skipline.zoo import Row, describe, models

from .parity import compare

pytestmark = pytest.mark.slow  # every network that timm has too; test_parity_peers.py is quick

SHORT = (1, 2, 1, 1)
PEERS = {peer.partition(":")[2]: row for row in models() for peer in row.peers if peer.startswith("timm:")}

# One row for each switch and for those that meet: attention, blur, mean, stem, averaging shortcut, groups.
CUT = (
    *(
        "seresnet18",
        "seresnet50",
        "seresnet50t",
        "seresnext26d_32x4d",
        "ecaresnet26t",
        "ecaresnet50d",
        "ecaresnetlight",
    ),
    *("resnetblur18", "resnetblur50", "resnetblur50d", "resnetaa34d", "resnetaa50", "seresnetaa50d"),
    *("resnetrs50", "resnet50c", "resnet50s", "resnet26t", "resnext50d_32x4d", "resnet50_gn", "seresnextaa201d_32x8d"),
)
CUT_V2 = ("resnetv2_18", "resnetv2_34d", "resnetv2_50", "resnetv2_50d", "resnetv2_50t", "resnetv2_50d_gn")


def shortened(row: Row) -> Network:
    network = describe(row.name)
    stages = tuple(replace(stage, num_blocks=n) for stage, n in zip(network.stages, SHORT, strict=True))
    return replace(network, stages=stages)


def is_deep(network: Network) -> bool:
    return len(network.stem.channels) == 3


def averages(network: Network) -> bool:
    return getattr(network.stages[0].block.shortcut, "subsample", "stride") == "average"


@pytest.mark.parametrize("name", CUT)
def test_a_network_cut_short_is_that_of_timm(timm: ModuleType, name: str) -> None:
    network = shortened(PEERS[name])
    theirs = timm.create_model(name, layers=SHORT)
    compare(theirs, network, has_deep_stem=is_deep(network), averages=averages(network))


@pytest.mark.parametrize("name", CUT_V2)
def test_a_preactivation_network_cut_short_is_that_of_timm(timm: ModuleType, name: str) -> None:
    compare(timm.create_model(name, layers=SHORT), shortened(PEERS[name]))


def test_bit_is_that_of_timm(timm: ModuleType) -> None:
    compare(timm.create_model("resnetv2_50x1_bit"), describe("bit_r50x1"))


@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet18d", "resnet50d", "resnetblur50", "resnetv2_50d"])
def test_a_dilated_network_is_that_of_timm(timm: ModuleType, name: str, output_stride: int) -> None:
    network = with_output_stride(shortened(PEERS[name]), output_stride)  # pyright: ignore[reportArgumentType]
    theirs = timm.create_model(name, layers=SHORT, output_stride=output_stride)
    compare(theirs, network, has_deep_stem=is_deep(network) and "v2" not in name, averages=averages(network))


@pytest.mark.parametrize("name", PEERS)
def test_parameters_are_as_many_as_in_timm(timm: ModuleType, name: str) -> None:
    from skipline.costs import cost

    with torch.device("meta"):
        theirs = timm.create_model(name)
    assert cost(describe(PEERS[name].name), image_size=64).parameters == sum(p.numel() for p in theirs.parameters())
