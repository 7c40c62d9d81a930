"""The plan: which layer stands where, what it is called, and what the shortcut reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from skipline.spec import (
    Block,
    BlockPlan,
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
    Step,
    unfold,
)
from skipline.spec.block import BranchKind, Order
from skipline.spec.layers import Conv, Normalise, PadChannels, Pool, Scale, Subsample


def network(block: Block, *, norm: Norm = Norm(), stem: Stem = Stem((16,))) -> Network:  # noqa: B008 (frozen)
    """Two stages of two blocks, 16 → 16 → 32 channels, the second at half the size."""
    stages = (Stage(2, 16, 8, block=block), Stage(2, 32, 16, stride=2, block=block))
    return Network("n", 3, stem, stages, Head(10), norm=norm)


def names(steps: tuple[Step, ...]) -> str:
    return " ".join(step.name.rsplit(".", 1)[1] for step in steps)


def block_named(net: Network, name: str) -> BlockPlan:
    return next(block for block in unfold(net).blocks if block.name == name)


# arXiv 1603.05027, figure 4, read from the top down: the branch, then what follows the addition.
FIGURE_4: list[tuple[Order, BranchKind, str, str]] = [
    ("post", "basic", "conv1 norm1 act1 conv2 norm2", "act"),
    ("norm_after_add", "basic", "conv1 norm1 act1 conv2", "norm act"),
    ("act_before_add", "basic", "conv1 norm1 act1 conv2 norm2 act2", ""),
    ("act_only_pre", "basic", "act1 conv1 norm1 act2 conv2 norm2", ""),
    ("pre", "basic", "norm1 act1 conv1 norm2 act2 conv2", ""),
    ("post", "bottleneck", "conv1 norm1 act1 conv2 norm2 act2 conv3 norm3", "act"),
    ("norm_after_add", "bottleneck", "conv1 norm1 act1 conv2 norm2 act2 conv3", "norm act"),
    ("act_before_add", "bottleneck", "conv1 norm1 act1 conv2 norm2 act2 conv3 norm3 act3", ""),
    ("act_only_pre", "bottleneck", "act1 conv1 norm1 act2 conv2 norm2 act3 conv3 norm3", ""),
    ("pre", "bottleneck", "norm1 act1 conv1 norm2 act2 conv2 norm3 act3 conv3", ""),
]


@pytest.mark.parametrize(("order", "kind", "branch", "out"), FIGURE_4)
def test_the_orders_of_figure_4(order: Order, kind: BranchKind, branch: str, out: str) -> None:
    block = block_named(network(Block(Branch(kind), ProjectionShortcut(), order=order)), "stage1.block2")
    assert names(block.entry) == ""
    assert names(block.branch) == branch
    assert names(block.shortcut) == ""
    assert names(block.out) == out


@pytest.mark.parametrize(
    ("order", "stem", "head"),
    [
        ("post", "conv1 norm1 act1", "pool linear"),
        ("norm_after_add", "conv1 norm1 act1", "pool linear"),
        ("act_before_add", "conv1 norm1 act1", "pool linear"),
        ("act_only_pre", "conv1 norm1", "act pool linear"),
        ("pre", "conv1", "norm act pool linear"),
    ],
)
def test_stem_and_head_complete_the_order(order: Order, stem: str, head: str) -> None:
    """Where a block starts with an activation, the stem leaves it out and one more follows the last addition."""
    plan = unfold(network(Block(order=order)))
    assert names(plan.stem) == stem
    assert names(plan.head) == head


def test_the_deep_stem_with_a_pool() -> None:
    plan = unfold(network(Block(), stem=Stem((8, 8, 16), stride=2, pool="max")))
    assert names(plan.stem) == "conv1 norm1 act1 conv2 norm2 act2 conv3 norm3 act3 pool"
    assert [step.layer.stride for step in plan.stem if isinstance(step.layer, Conv)] == [2, 1, 1]
    assert plan.stem[-1].layer == Pool("max", kernel=3, stride=2, padding=1, ceil=False)


@pytest.mark.parametrize("order", ["pre", "act_only_pre"])
def test_the_first_block_shares_its_first_activation(order: Order) -> None:
    """arXiv 1603.05027, section 5: right after the stem and before the split."""
    blocks = unfold(network(Block(shortcut=PadShortcut(), order=order))).blocks
    entry = "norm1 act1" if order == "pre" else "act1"
    assert [names(block.entry) for block in blocks] == [entry, "", "", ""]
    assert [block.shortcut_reads_entry for block in blocks] == [True, False, False, False]
    assert [step.name for step in blocks[0].entry] == [f"stage1.block1.entry.{part}" for part in entry.split()]
    assert {step.role for step in blocks[0].entry} == {"entry"}


def test_a_preactivated_projection_reads_the_entry_and_has_no_norm() -> None:
    blocks = unfold(network(Block(shortcut=ProjectionShortcut(), order="pre"))).blocks
    assert [names(block.entry) for block in blocks] == ["norm1 act1", "", "norm1 act1", ""]
    assert names(blocks[2].shortcut) == "conv"
    assert names(blocks[2].branch) == "conv1 norm2 act2 conv2"


def test_a_plain_block_has_no_entry_even_where_it_is_preactivated() -> None:
    for block in unfold(network(Block(shortcut=NoShortcut(), order="pre"))).blocks:
        assert names(block.entry) == names(block.shortcut) == names(block.out) == ""
        assert names(block.branch) == "norm1 act1 conv1 norm2 act2 conv2"
        assert block.sites == (f"{block.name}.branch", f"{block.name}.out")


@pytest.mark.parametrize(
    ("shortcut", "first", "change"),
    [
        (NoShortcut(), "", ""),
        (PadShortcut(), "", "subsample pad"),
        (PadShortcut(subsample="average"), "", "pool pad"),
        (ProjectionShortcut(), "", "conv norm"),
        (ProjectionShortcut(when="always"), "conv norm", "conv norm"),
        (ProjectionShortcut(subsample="average"), "", "pool conv norm"),
    ],
)
def test_the_forms_of_the_shortcut(
    shortcut: NoShortcut | PadShortcut | ProjectionShortcut, first: str, change: str
) -> None:
    net = network(Block(shortcut=shortcut))
    assert names(block_named(net, "stage1.block1").shortcut) == first
    assert names(block_named(net, "stage2.block1").shortcut) == change


def test_option_a_pads_at_the_end_or_on_both_sides() -> None:
    both = block_named(network(Block(shortcut=PadShortcut(pad="both"))), "stage2.block1")
    end = block_named(network(Block(shortcut=PadShortcut(pad="end"))), "stage2.block1")
    assert [step.layer for step in both.shortcut] == [Subsample(2), PadChannels(8, 8)]
    assert [step.layer for step in end.shortcut] == [Subsample(2), PadChannels(0, 16)]


def test_option_d_averages_before_a_projection_of_stride_1() -> None:
    block = block_named(network(Block(shortcut=ProjectionShortcut(subsample="average"))), "stage2.block1")
    assert [step.layer for step in block.shortcut[:2]] == [
        Pool("average", kernel=2, stride=2, padding=0, ceil=True),
        Conv(16, 32, 1),
    ]


@pytest.mark.parametrize(("stride_at", "strides"), [("first", [2, 1, 1]), ("middle", [1, 2, 1])])
def test_v1_and_v1_5_differ_in_the_place_of_the_stride(stride_at: str, strides: list[int]) -> None:
    branch = Branch("bottleneck", stride_at="first" if stride_at == "first" else "middle")
    block = block_named(network(Block(branch, ProjectionShortcut())), "stage2.block1")
    convs = [step.layer for step in block.branch if isinstance(step.layer, Conv)]
    assert [conv.stride for conv in convs] == strides
    assert [conv.kernel for conv in convs] == [1, 3, 1]


def test_groups_belong_to_the_3x3_convolutions() -> None:
    bottleneck = block_named(network(Block(Branch("bottleneck", groups=4), ProjectionShortcut())), "stage1.block2")
    basic = block_named(network(Block(Branch(groups=4))), "stage1.block2")
    assert [step.layer.groups for step in bottleneck.branch if isinstance(step.layer, Conv)] == [1, 4, 1]
    assert [step.layer.groups for step in basic.branch if isinstance(step.layer, Conv)] == [4, 4]


def test_the_first_3x3_of_a_stage_has_its_own_dilation() -> None:
    for kind, expected in (("basic", [[2, 4], [4, 4]]), ("bottleneck", [[1, 2, 1], [1, 4, 1]])):
        block = Block(Branch("basic" if kind == "basic" else "bottleneck"), ProjectionShortcut())
        stage = Stage(2, 16, 16, dilation=4, first_dilation=2, block=block)
        plan = unfold(Network("n", 3, Stem((16,)), (stage,), Head(10)))
        dilations = [[s.layer.dilation for s in b.branch if isinstance(s.layer, Conv)] for b in plan.blocks]
        assert dilations == expected


def test_without_a_norm_every_convolution_has_a_bias() -> None:
    plan = unfold(network(Block(shortcut=ProjectionShortcut()), norm=Norm("none")))
    assert not [step for step in plan.steps() if isinstance(step.layer, Normalise)]
    assert all(step.layer.bias for step in plan.steps() if isinstance(step.layer, Conv))
    with_norm = unfold(network(Block(shortcut=ProjectionShortcut())))
    assert not any(step.layer.bias for step in with_norm.steps() if isinstance(step.layer, Conv))


def test_merge_scales_and_dropout_stand_last() -> None:
    merge = Merge(branch_scale=0.5, shortcut_scale=0.25, shortcut_dropout=0.5)
    block = block_named(network(Block(shortcut=ProjectionShortcut(), merge=merge)), "stage2.block1")
    assert names(block.branch).endswith("norm2 scale")
    assert names(block.shortcut) == "conv norm scale dropout"
    assert block.branch[-1].layer == Scale(0.5)
    assert block.shortcut[2].layer == Scale(0.25)


def test_a_gate_has_the_shape_of_the_sum() -> None:
    block = block_named(network(Block(merge=Merge(gate="exclusive"))), "stage2.block1")
    assert block.gate == "exclusive"
    assert block.gate_step == Step("stage2.block1.gate", Conv(16, 32, 1, 2, bias=True), "gate")
    assert block_named(network(Block()), "stage2.block1").gate_step is None


@pytest.mark.parametrize(
    ("order", "branch"),
    [("post", "conv1 norm1 act1 dropout conv2 norm2"), ("pre", "norm1 act1 conv1 norm2 act2 dropout conv2")],
)
def test_dropout_stands_before_the_last_convolution(order: Order, branch: str) -> None:
    net = network(Block(Branch(dropout=0.3), order=order))
    assert names(block_named(net, "stage1.block2").branch) == branch


def test_the_head_drops_before_the_classifier() -> None:
    plan = unfold(replace(network(Block()), head=Head(10, dropout=0.2)))
    assert names(plan.head) == "pool dropout linear"


@pytest.mark.parametrize(
    ("order", "ends"),
    [
        ("post", ["conv2", "norm2"]),
        ("norm_after_add", ["conv2"]),
        ("act_before_add", ["conv2", "norm2"]),
        ("act_only_pre", ["conv2", "norm2"]),
        ("pre", ["conv2"]),
    ],
)
def test_roles(order: Order, ends: list[str]) -> None:
    plan = unfold(network(Block(order=order, merge=Merge(gate="shortcut"))))
    block = plan.blocks[2]
    assert [step.name.rsplit(".", 1)[1] for step in block.branch if step.role == "branch_end"] == ends
    assert {step.role for step in block.branch} == {"branch", "branch_end"}
    assert {step.role for step in block.shortcut} == {"shortcut"}
    assert {step.role for step in plan.stem} == {"stem"}
    assert {step.role for step in plan.head} == {"head"}
    assert [step.role for step in block.steps() if step.name.endswith(".gate")] == ["gate"]
    assert {step.role for step in block.out} <= {"out"}


def test_steps_and_sites_are_named_by_their_place() -> None:
    plan = unfold(network(Block()))
    assert [step.name for step in plan.blocks[2].steps()] == [
        *(f"stage2.block1.branch.{part}" for part in ("conv1", "norm1", "act1", "conv2", "norm2")),
        *(f"stage2.block1.shortcut.{part}" for part in ("subsample", "pad")),
        "stage2.block1.out.act",
    ]
    assert plan.sites == (
        "stem",
        *(
            f"stage{stage}.block{block}.{site}"
            for stage in (1, 2)
            for block in (1, 2)
            for site in ("shortcut", "branch", "sum", "out")
        ),
        "head",
    )
    assert [step.name for step in plan.steps()][:3] == ["stem.conv1", "stem.norm1", "stem.act1"]
    assert [step.name for step in plan.steps()][-1] == "head.linear"


@pytest.mark.parametrize(
    ("order", "ends"),
    [("post", True), ("pre", False), ("norm_after_add", False), ("act_before_add", True), ("act_only_pre", True)],
)
def test_which_branches_end_in_a_norm(order: Order, ends: bool) -> None:
    """arXiv 1603.05027, figure 4; without a norm none does."""
    block = Block(order=order)
    assert {plan.norm_ends_branch for plan in unfold(network(block)).blocks} == {ends}
    assert {plan.norm_ends_branch for plan in unfold(network(block, norm=Norm("none"))).blocks} == {False}


@pytest.mark.parametrize("given", ["cifar_resnet20", None, 20])
def test_a_name_is_no_description(given: Any) -> None:
    with pytest.raises(SpecError, match=r"a description is expected, and .* came\. A name becomes one by"):
        unfold(given)


def test_coupled_halves_pass_a_shortcut_each_where_shapes_change_and_none_elsewhere() -> None:
    net = network(Block(shortcut=ProjectionShortcut(), order="pre", coupling="additive"))
    first, second = block_named(net, "stage2.block1"), block_named(net, "stage2.block2")
    assert [step.layer for step in (*first.shortcut, *first.carried)] == 2 * [Conv(8, 16, 1, 2)]
    assert names(first.carried) == "conv"
    assert not first.entry
    assert (first.is_reversible, second.is_reversible) == (False, True)
    assert second.shortcut == second.carried == ()
    convs = [step.layer for step in second.branch if isinstance(step.layer, Conv)]
    assert convs == [Conv(16, 16, 3), Conv(16, 16, 3)]
    assert second.sites == tuple(f"stage2.block2.{site}" for site in ("shortcut", "branch", "sum", "out"))


def test_the_first_entry_of_coupled_halves_is_of_all_channels() -> None:
    plan = block_named(network(Block(order="pre", coupling="additive")), "stage1.block1")
    assert names(plan.entry) == "norm1 act1"
    assert plan.entry[0].layer == Normalise(Norm(), 16)
    assert plan.shortcut_reads_entry
    assert not plan.is_reversible
