"""Output strides."""

from __future__ import annotations

import re
from typing import Literal

import pytest

from skipline.spec import Block, Branch, Head, Network, ProjectionShortcut, SpecError, Stage, Stem, with_output_stride
from skipline.spec.block import BranchKind

STRIDES = (1, 2, 2, 2)


def photographs(kind: BranchKind) -> Network:
    block = Block(Branch(kind), ProjectionShortcut())
    stages = tuple(Stage(2, 64, 64, stride=stride, block=block) for stride in STRIDES)
    return Network("net", 3, Stem((64,), 7, 2, "max"), stages, Head(10))


# (stride, first dilation, dilation) of each stage, written out from torchvision's `_make_layer`.
DILATED: list[tuple[Literal[8, 16, 32], list[tuple[int, int, int]]]] = [
    (32, [(1, 1, 1), (2, 1, 1), (2, 1, 1), (2, 1, 1)]),
    (16, [(1, 1, 1), (2, 1, 1), (2, 1, 1), (1, 1, 2)]),
    (8, [(1, 1, 1), (2, 1, 1), (1, 1, 2), (1, 2, 4)]),
]


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
@pytest.mark.parametrize(("output_stride", "stages"), DILATED)
def test_dilation_replaces_strides(
    output_stride: Literal[8, 16, 32], stages: list[tuple[int, int, int]], kind: BranchKind
) -> None:
    network = with_output_stride(photographs(kind), output_stride)
    assert network.stride == output_stride
    assert [(stage.stride, stage.first_dilation, stage.dilation) for stage in network.stages] == stages


def test_the_networks_own_stride_changes_nothing() -> None:
    assert with_output_stride(photographs("basic"), 32) == photographs("basic")


def test_the_smallest_image_stays() -> None:
    assert with_output_stride(photographs("basic"), 8).smallest_image == photographs("basic").smallest_image


def test_a_dilated_network_can_be_dilated_on() -> None:
    network = photographs("bottleneck")
    assert with_output_stride(with_output_stride(network, 16), 8) == with_output_stride(network, 8)


@pytest.mark.parametrize(
    ("network", "output_stride", "message"),
    [
        (photographs("basic"), 4, "net: there is no output stride 4; it can be 8 or 16 or 32."),
        (
            with_output_stride(photographs("basic"), 16),
            32,
            "net: there is no output stride 32; it can be 8 or 16.",
        ),
        (
            Network("thin", 3, Stem((16,)), (Stage(1, 16, 16), Stage(1, 32, 32, stride=2)), Head(10)),
            8,
            "thin: there is no output stride 8; it can be none of 8, 16, 32.",
        ),
    ],
)
def test_an_output_stride_that_cannot_be(network: Network, output_stride: int, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        with_output_stride(network, output_stride)  # type: ignore[arg-type]
