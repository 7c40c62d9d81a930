"""Families as functions: any unit, option, width and depth."""

from __future__ import annotations

import re

import pytest

from skipline.spec import SpecError
from skipline.zoo.families import Option, Unit, cifar, imagenet_stem, wide

UNITS: tuple[Unit, ...] = ("plain", "residual", "preact", "norm_after_add", "act_before_add", "act_only_pre")
OPTIONS: tuple[Option, ...] = ("a", "a_end", "a_average", "b", "c", "d")


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("option", OPTIONS)
def test_any_unit_with_any_option(unit: Unit, option: Option) -> None:
    network = cifar(
        "mine", 14, unit=unit, option=option, branch="basic", widths=(4, 8, 16), num_classes=10, in_channels=1
    )
    assert network.depth == 14
    assert [stage.channels for stage in network.stages] == [4, 8, 16]
    assert [stage.stride for stage in network.stages] == [1, 2, 2]
    assert all(stage.block.is_residual == (unit != "plain") for stage in network.stages)


def test_the_number_of_stages_decides_which_depths_there_are() -> None:
    def four_stages(depth: int) -> int:
        widths = (4, 8, 16, 32)
        return cifar(
            "four",
            depth,
            unit="residual",
            option="a",
            branch="bottleneck",
            widths=widths,
            num_classes=10,
            in_channels=3,
        ).num_blocks

    with pytest.raises(SpecError, match=re.escape("stage2 goes from 4 to 2 channels")):
        cifar(
            "shrinking",
            8,
            unit="residual",
            option="a",
            branch="basic",
            widths=(4, 2, 2),
            num_classes=10,
            in_channels=3,
        )
    assert four_stages(14) == 4
    with pytest.raises(SpecError, match=re.escape("there is no depth 20: depths are 12n+2; the nearest are 14 and 26")):
        four_stages(20)


def test_only_the_standard_stem_is_widened() -> None:
    assert imagenet_stem("standard", widen=3).channels == (192,)
    message = "imagenet_stem: widen is 3 with the stem 'd', whose channels are (32, 32, 64); only the stem 'standard'"
    with pytest.raises(SpecError, match=re.escape(message)):
        imagenet_stem("d", widen=3)


def test_wide_networks_widen_every_stage() -> None:
    network = wide("w", 16, 3, num_classes=10, in_channels=3)
    assert [stage.channels for stage in network.stages] == [48, 96, 192]
    assert network.num_blocks == 6
    assert {stage.block.order for stage in network.stages} == {"pre"}
