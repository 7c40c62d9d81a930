"""Predicted deviations, by hand, and the networks that have none."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from skipline.spec import (
    Block,
    Branch,
    Head,
    Merge,
    Network,
    Norm,
    NoShortcut,
    PadShortcut,
    ProjectionShortcut,
    SpecError,
    Stage,
    Stem,
    unfold,
)
from skipline.spec.downscale import input_deviations
from skipline.spec.layers import Scale
from skipline.spec.plan import BlockPlan


def network(*, channels: tuple[int, ...] = (16, 32), when: Any = "change", merge: Merge | None = None) -> Network:
    """Stages of three blocks on a stem of 16 channels."""
    block = Block(Branch(), ProjectionShortcut(when), merge or Merge(branch_scale=0.5), "pre")
    stages = tuple(Stage(3, width, 8, stride=1 + (n > 0), block=block) for n, width in enumerate(channels))
    return Network("nf", 3, Stem((16,)), stages, Head(10), Norm("none"), first_identity="raw")


def squares(net: Network) -> list[float]:
    return [deviation**2 for deviation in input_deviations(net)]


def test_the_variance_grows_by_that_of_the_branches_and_a_projection_begins_again() -> None:
    assert squares(network()) == pytest.approx([1, 1.25, 1.5, 1.75, 1.25, 1.5])
    assert squares(network(channels=(32, 64))) == pytest.approx([1, 1.25, 1.5, 1.75, 1.25, 1.5])
    assert squares(network(when="always")) == pytest.approx([1, 1.25, 1.25, 1.25, 1.25, 1.25])


def test_scales_of_shortcuts_and_starts_of_learned_ones_count() -> None:
    merge = Merge(branch_scale=1.0, shortcut_scale=0.5)
    assert squares(network(merge=merge)) == pytest.approx([1, 1.25, 1.3125, 1.328125, 1.25, 1.3125])
    assert squares(network(merge=Merge(branch_scale=0.0, branch_scaling="learned"))) == [1] * 6


def test_blocks_are_unfolded_with_the_factor_where_it_is_not_1() -> None:
    blocks = unfold(replace(network(), branch_input="unit_variance")).blocks
    assert [block.input_scale for block in blocks] == pytest.approx([v**-0.5 for v in squares(network())])
    assert [first_step(block) for block in blocks] == [
        "branch.act1",
        "branch.downscale",
        "branch.downscale",
        "entry.downscale",  # the projection reads it too
        "branch.downscale",
        "branch.downscale",
    ]
    assert all(isinstance(layer, Scale) for layer in (blocks[1].branch[0].layer, blocks[3].entry[0].layer))
    assert all(block.input_scale == 1.0 for block in unfold(network()).blocks)


def first_step(block: BlockPlan) -> str:
    return (*block.entry, *block.branch)[0].name.removeprefix(f"{block.name}.")


def with_block(**changes: Any) -> tuple[Stage, ...]:
    return tuple(replace(stage, block=replace(stage.block, **changes)) for stage in network().stages)


BACK = "Leave it at 'as_it_comes', or change the block."
REFUSED: list[tuple[Callable[[], dict[str, Any]], str]] = [
    (
        lambda: {"norm": Norm()},
        "with norm 'batch', which brings each branch's input to that variance itself. "
        "Leave it at 'as_it_comes', or use Norm('none').",
    ),
    (
        lambda: {"stages": with_block(order="post"), "first_identity": "activated"},
        f", and stage1 has order 'post', where the paper's blocks have 'pre'. {BACK}",
    ),
    (
        lambda: {"stages": (network().stages[0], replace(network().stages[1], block=PLAIN))},
        f", and stage2 is plain, so that nothing is added up. {BACK}",
    ),
    (
        lambda: {"stages": with_block(merge=Merge(gate="shortcut"))},
        f", and stage1 has a gate, which weighs the sum by what it learns. {BACK}",
    ),
    (
        lambda: {"stages": with_block(shortcut=PadShortcut())},
        ", and stage2 changes shape with a PadShortcut, whose new channels are constant: use ProjectionShortcut(). "
        f"{BACK}",
    ),
    (
        lambda: {"first_identity": "activated"},
        " with first_identity 'activated', which would begin with another variance. Use 'raw'.",
    ),
]
PLAIN = Block(Branch(), NoShortcut(), order="pre")


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_a_variance_that_cannot_be_predicted_is_refused(changes: Callable[[], dict[str, Any]], message: str) -> None:
    with pytest.raises(SpecError, match=f"^Network.branch_input is 'unit_variance' ?{re.escape(message)}$"):
        replace(network(), branch_input="unit_variance", **changes())


def test_a_first_block_that_projects_needs_no_raw_identity() -> None:
    net = replace(network(channels=(32,)), first_identity="activated", branch_input="unit_variance")
    assert unfold(net).blocks[0].shortcut_reads_entry
