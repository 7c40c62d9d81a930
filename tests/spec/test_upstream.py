"""What a place of a network depends on."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from skipline.spec import Block, Branch, Head, Merge, Network, ProjectionShortcut, Stage, Stem, unfold
from skipline.spec.upstream import upstream


def network(order: str = "post", gate: str = "none") -> Network:
    """Two stages, the second with a projection in its first block."""
    block = Block(Branch(), ProjectionShortcut(), Merge(gate=gate), order)  # pyright: ignore[reportArgumentType]
    stages = (Stage(2, 4, 4, block=block), Stage(2, 8, 8, stride=2, block=block))
    return Network("two", 3, Stem((4,)), stages, Head(5))


def last_parts(names: list[str], inside: str) -> list[str]:
    """The steps inside a block, without its name."""
    return [name.removeprefix(f"{inside}.") for name in names if name.startswith(f"{inside}.")]


def test_a_stage_depends_on_all_before_it_and_on_itself() -> None:
    plan = unfold(network())
    names = [step.name for step in plan.steps()]
    found = [step.name for step in upstream(plan, "stage1")]
    assert found == names[: names.index("stage2.block1.branch.conv1")]
    assert [step.name for step in upstream(plan, "stage2.block1")] == names[: names.index("stage2.block2.branch.conv1")]
    assert [step.name for step in upstream(plan, "head")] == names
    assert [step.name for step in upstream(plan, "stem.conv1")] == ["stem.conv1"]
    assert [step.name for step in upstream(plan, "head.pool")] == names[:-1]


@pytest.mark.parametrize(
    ("place", "inside"),
    [
        ("branch", ["branch.conv1", "branch.norm1", "branch.act1", "branch.conv2", "branch.norm2"]),
        ("branch.act1", ["branch.conv1", "branch.norm1", "branch.act1"]),
        ("shortcut", ["shortcut.conv", "shortcut.norm"]),
        ("gate", ["gate"]),
    ],
)
def test_branch_and_shortcut_do_not_depend_on_each_other(place: str, inside: list[str]) -> None:
    plan = unfold(network(gate="shortcut"))
    found = [step.name for step in upstream(plan, f"stage2.block1.{place}")]
    assert last_parts(found, "stage2.block1") == inside
    assert set(found) > {step.name for step in upstream(plan, "stage1")}


def test_the_sum_depends_on_both_and_the_output_on_all() -> None:
    plan = unfold(network(gate="shortcut"))
    everything = [step.name for step in plan.blocks[2].steps()]
    found = [step.name for step in upstream(plan, "stage2.block1.sum")]
    assert [name for name in found if name.startswith("stage2")] == everything[:-1]
    found = [step.name for step in upstream(plan, "stage2.block1.out")]
    assert [name for name in found if name.startswith("stage2")] == everything


def test_a_projection_behind_the_shared_entry_depends_on_it() -> None:
    plan = unfold(network(order="pre"))
    found = [step.name for step in upstream(plan, "stage2.block1.shortcut")]
    assert last_parts(found, "stage2.block1") == ["entry.norm1", "entry.act1", "shortcut.conv"]
    found = [step.name for step in upstream(plan, "stage2.block2.shortcut")]
    assert last_parts(found, "stage2.block2") == []


@pytest.mark.parametrize("place", ["stage3", "stage1.block3", "stage1.block1.summ", "stem.pool", "stage1.block1.gate"])
def test_a_place_that_is_not_there_is_said(place: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"the plan has no place {place!r}")):
        upstream(unfold(replace(network(), name="other")), place)
