"""A network in a few rows."""

from __future__ import annotations

import math

import pytest

from skipline.costs import cost
from skipline.report.network.outline import count_text, outline, shape_text
from skipline.spec import (
    Activation,
    Block,
    Branch,
    Head,
    Merge,
    Network,
    Norm,
    ProjectionShortcut,
    SpecError,
    Stage,
    Stem,
)
from skipline.zoo import describe, models

EXAMPLES = [(row.example, row.image_size) for row in models()]


@pytest.mark.parametrize(("name", "size"), EXAMPLES)
def test_the_rows_have_all_blocks_and_all_cost(name: str, size: int) -> None:
    network = describe(name)
    drawn = outline(network, image_size=size)
    counted = cost(network, image_size=size)
    assert sum(row.num_blocks for row in drawn.rows) == network.num_blocks
    assert sum(row.parameters for row in drawn.rows) == counted.parameters == drawn.parameters
    assert sum(row.macs for row in drawn.rows) == counted.macs == drawn.macs
    assert len(drawn.rows) <= 2 + 3 * len(network.stages)
    assert drawn.rows[-1].shape == (network.head.num_classes,)
    assert drawn.rows[-1].receptive_field == math.inf


def test_residual_18_is_nine_rows() -> None:
    rows = outline(describe("resnet18"), image_size=224).rows
    assert [(row.stage, row.name, row.num_blocks) for row in rows] == [
        ("stem", "stem", 0),
        ("stage1", "block1–2", 2),
        ("stage2", "block1", 1),
        ("stage2", "block2", 1),
        ("stage3", "block1", 1),
        ("stage3", "block2", 1),
        ("stage4", "block1", 1),
        ("stage4", "block2", 1),
        ("head", "head", 0),
    ]
    assert [row.shape for row in rows[:3]] == [(64, 56, 56), (64, 56, 56), (128, 28, 28)]
    assert [row.receptive_field for row in rows[:3]] == [11, 43, 67]
    assert rows[1].parameters == 4 * 64 * 64 * 9 + 4 * 128  # four convolutions and their norms
    assert [word.text for word in rows[2].layers] == [
        "3×3 conv 128 /2",
        "batch norm",
        "relu",
        "3×3 conv 128",
        "batch norm",
    ]
    assert [word.text for word in rows[2].shortcut] == ["1×1 conv 128 /2", "batch norm"]


def test_depth_adds_no_rows() -> None:
    shallow, deep = (outline(describe(f"cifar_resnet{depth}"), image_size=32).rows for depth in (20, 1202))
    assert len(shallow) == len(deep) == 7
    assert [row.num_blocks for row in deep] == [0, 200, 1, 199, 1, 199, 0]


def test_blocks_that_differ_in_their_predicted_deviation_share_a_row() -> None:
    """1/β of the first and the last: β² = 1 and 1.4 at α² = 0.1; behind a projection 1.1 and 1.4."""
    block = Block(Branch(), ProjectionShortcut(), Merge(branch_scale=0.1**0.5), "pre")
    stages = (Stage(5, 8, 8, block=block), Stage(5, 16, 16, stride=2, block=block))
    network = Network(
        "nf",
        3,
        Stem((8,)),
        stages,
        Head(5),
        Norm("none"),
        Activation("silu", output_scale=1.5),
        first_identity="raw",
        biases="scalar",
        branch_input="unit_variance",
    )
    rows = outline(network, image_size=32).rows
    assert [row.num_blocks for row in rows] == [0, 5, 1, 4, 0]
    assert [[word.text for word in (*row.entry, *row.layers) if not word.is_around] for row in rows[1:4]] == [
        ["scale 1–0.85", "3×3 conv 8", "3×3 conv 8", "scale 0.316228"],
        ["scale 0.82", "3×3 conv 16 /2", "3×3 conv 16", "scale 0.316228"],
        ["scale 0.95–0.85", "3×3 conv 16", "3×3 conv 16", "scale 0.316228"],
    ]
    around = [word.text for word in rows[1].layers if word.is_around]
    assert around == ["learned shift", "shaped silu", "learned shift"] * 2


def test_an_image_without_pixels_is_refused() -> None:
    with pytest.raises(SpecError, match="image_size is 0; expected a whole number of at least 1"):
        outline(describe("resnet18"), image_size=0)


def test_counts_and_shapes_are_short() -> None:
    assert [count_text(value) for value in (0, 9536, 999_999, 1_219_584, 4_089_184_256)] == [
        "0",
        "9,536",
        "999,999",
        "1.22 M",
        "4.09 G",
    ]
    assert (shape_text((64, 56, 56)), shape_text((1000,))) == ("64×56×56", "1000")
