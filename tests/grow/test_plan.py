"""What is inserted where, and the words for what cannot be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from skipline.grow import GrowError, deeper, plan_deepening
from skipline.spec import (
    Activation,
    Attention,
    Block,
    Branch,
    ConvWeights,
    Head,
    Merge,
    Network,
    Norm,
    NoShortcut,
    PadShortcut,
    ProjectionShortcut,
    unfold,
)
from skipline.zoo import describe

from .nets import small


def with_blocks(network: Network, *counts: int) -> Network:
    stages = zip(network.stages, counts, strict=True)
    return replace(network, name="deep", stages=tuple(replace(stage, num_blocks=count) for stage, count in stages))


def layout(old: int, new: int) -> str:
    """A stage after growing, `o` for each old block and `n` for each new one."""
    network = small(num_blocks=(old,))
    plan = plan_deepening(network, with_blocks(network, new))
    letters = {block.new: "o" for block in plan.kept} | {block.name: "n" for block in plan.inserted}
    assert len(letters) == new
    return "".join(letters[f"stage1.block{number}"] for number in range(1, new + 1))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (1, 4, "onnn"),
        (3, 6, "ononon"),
        (3, 9, "onnonnonn"),
        (3, 4, "ooon"),
        (3, 5, "oonon"),
        (4, 6, "oonoon"),
        (6, 23, "onnonnnonnnonnnonnnonnn"),
    ],
)
def test_new_blocks_are_spread_evenly_behind_old_ones(old: int, new: int, expected: str) -> None:
    """⌊i a / n⌋ − ⌊(i − 1) a / n⌋ behind block i; written out by hand."""
    assert layout(old, new) == expected


@pytest.mark.parametrize(("old", "new"), [(2, 7), (5, 18), (7, 8), (18, 200)])
def test_no_two_gaps_differ_by_more_than_one(old: int, new: int) -> None:
    gaps = [len(gap) for gap in layout(old, new).split("o")[1:]]
    assert (len(gaps), sum(gaps)) == (old, new - old)
    assert max(gaps) - min(gaps) <= 1
    assert gaps == sorted(gaps) or old > 2  # the last block never gets fewer than the first
    assert gaps[-1] == max(gaps)


def test_stages_are_planned_each_by_itself() -> None:
    plan = plan_deepening(describe("resnet18"), describe("resnet34"))
    assert [(block.name, block.behind) for block in plan.inserted] == [
        ("stage1.block3", "stage1.block2"),
        ("stage2.block2", "stage2.block1"),
        ("stage2.block4", "stage2.block2"),
        ("stage3.block2", "stage3.block1"),
        ("stage3.block3", "stage3.block1"),
        ("stage3.block5", "stage3.block2"),
        ("stage3.block6", "stage3.block2"),
        ("stage4.block3", "stage4.block2"),
    ]
    names = ["stem.conv1.weight", "stage3.block2.branch.norm1.bias/momentum_buffer", "stage3.block2", "head"]
    assert plan.renamed(names) == {
        names[0]: names[0],
        names[1]: "stage3.block4.branch.norm1.bias/momentum_buffer",
        "stage3.block2": "stage3.block4",
        "head": "head",
    }


LEARNED = Merge(branch_scale=0.0, branch_scaling="learned")
GROUPS = Norm("group", groups=2)
STANDARD = ConvWeights("standardised")
NONE = Norm("none")
PLAIN = NoShortcut()
ALWAYS = ProjectionShortcut(when="always")


def of(block: Block, **switches: Any) -> Network:
    return small(block=block, **switches)


IDENTITIES: dict[str, tuple[Network, str, str, str]] = {
    "post": (small(), "norm2", "", ""),
    "bottleneck": (of(Block(Branch("bottleneck"))), "norm3", "", ""),
    "pre": (of(Block(order="pre")), "conv2", "", ""),
    "act_only_pre": (of(Block(order="act_only_pre")), "norm2", "", ""),
    "act_before_add, ELU": (of(Block(order="act_before_add"), activation=Activation("elu")), "norm2", "", ""),
    "act_before_add, learned scale": (
        of(Block(order="act_before_add", merge=Merge(branch_scaling="learned"))),
        "scale",
        "",
        "",
    ),
    "no norm": (small(norm=NONE), "conv2", "", ""),
    "SkipInit": (of(Block(merge=LEARNED), norm=NONE), "scale", "", ""),
    "learned scale from 0.3": (of(Block(merge=Merge(0.3, "learned"))), "norm2", "", ""),
    "standardised weights": (small(norm=GROUPS, conv_weights=STANDARD), "norm2", "", ""),
    "norm_after_add": (of(Block(order="norm_after_add")), "conv2", "", "out.norm"),
    "option C": (of(Block(shortcut=ALWAYS)), "norm2", "shortcut.conv", "shortcut.norm"),
    "option C, no norm": (of(Block(shortcut=ALWAYS), norm=NONE), "conv2", "shortcut.conv", ""),
    "plain": (of(Block(shortcut=PLAIN)), "", "branch.conv1 branch.conv2", "branch.norm1 branch.norm2"),
    "plain, no norm": (of(Block(shortcut=PLAIN), norm=NONE), "", "branch.conv1 branch.conv2", ""),
    "plain, linear": (
        of(Block(shortcut=PLAIN, order="pre"), activation=Activation("identity"), norm=NONE),
        "",
        "branch.conv1 branch.conv2",
        "",
    ),
}


@pytest.mark.parametrize("kind", IDENTITIES)
def test_what_makes_a_block_the_identity(kind: str) -> None:
    network, zero, dirac, neutral = IDENTITIES[kind]
    plan = plan_deepening(network, with_blocks(network, 2, 3))
    identity = plan.inserted[0].identity
    parts = (identity.zero, identity.dirac, identity.neutral)
    found = [" ".join(step.name.split(".", 2)[2] for step in steps) for steps in parts]
    assert found == [f"branch.{zero}" if zero else "", dirac, neutral]
    assert plan.needs_images is bool(neutral)
    names = {step.name for step in unfold(plan.target).steps()}
    assert {step.name for steps in parts for step in steps} <= names


REFUSED: dict[str, tuple[Network, str]] = {
    "gate": (of(Block(merge=Merge(gate="shortcut"))), "has a gate, and x passes whole only where the gate is shut"),
    "scale": (of(Block(merge=Merge(shortcut_scale=0.5))), "stage1.block2.shortcut.scale, and Scale changes it"),
    "dropout": (of(Block(merge=Merge(shortcut_dropout=0.5))), "shortcut.dropout, and Dropout changes it"),
    "rectifier at the end": (of(Block(order="act_before_add")), "'relu', whose slope at zero is zero"),
    "leaky": (small(activation=Activation("leaky_relu", 0.1)), "'leaky_relu' applied twice is not the activation"),
    "tanh": (small(activation=Activation("tanh")), "'tanh' applied twice is not the activation applied once"),
    "standardised end": (
        of(Block(order="pre"), norm=GROUPS, conv_weights=STANDARD),
        "one step would take the branch from nothing to all",
    ),
    "pre, option C": (of(Block(order="pre", shortcut=ALWAYS)), "projects what its first norm and activation made of"),
    "group norm after": (of(Block(order="norm_after_add"), norm=GROUPS), "out.norm, and a group norm divides each"),
    "plain, layer norm": (of(Block(shortcut=PLAIN), norm=Norm("layer")), "a layer norm divides each image"),
    "plain, pre": (of(Block(shortcut=PLAIN, order="pre")), "branch.act1, and the activation 'relu' cuts off what is"),
    "plain bottleneck": (of(Block(Branch("bottleneck"), PLAIN)), "branch.conv1, and it has room for 4 of 16 channels"),
    "plain, attention": (of(Block(Branch(attention=Attention("eca")), PLAIN)), "and EfficientAttention changes it"),
    "plain, dropout": (of(Block(Branch(dropout=0.1), PLAIN)), "branch.dropout, and Dropout changes it"),
    "plain, standardised": (of(Block(shortcut=PLAIN), conv_weights=STANDARD), "standardised weights have mean 0"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_the_identity_is_refused_with_the_reason(kind: str) -> None:
    network, words = REFUSED[kind]
    with pytest.raises(GrowError) as refused:
        plan_deepening(network, with_blocks(network, 2, 3))
    assert words in str(refused.value)


def test_a_rectifier_by_another_name_is_one() -> None:
    network = small(activation=Activation("leaky_relu", 0.0))
    assert not plan_deepening(network, deeper(network, 12)).needs_images


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (with_blocks(small(), 1, 2), "it has no more blocks"),
        (with_blocks(small(), 3, 1), "stage2 has 2 blocks and there 1"),
        (small(num_blocks=(1, 2, 1)), "stages has 2 entries and there 3"),
        (small(block=Block(order="pre")), "stages[0].block.order is 'post' and there 'pre'"),
        (small(block=Block(shortcut=ProjectionShortcut())), "stages[0].block.shortcut is PadShortcut("),
        (replace(small(), head=Head(6)), "head.num_classes is 5 and there 6"),
        (small(norm=GROUPS), "norm.kind is 'batch' and there 'group'"),
    ],
)
def test_a_network_that_is_no_deeper_one_is_refused_by_name(target: Network, words: str) -> None:
    with pytest.raises(GrowError) as refused:
        plan_deepening(small(), target)
    assert words in str(refused.value)


def test_padding_is_no_hindrance() -> None:
    """The first block of a stage, which changes the shape, stays the first: no new one does."""
    network = small(block=Block(shortcut=PadShortcut(subsample="average")))
    plan = plan_deepening(network, with_blocks(network, 4, 4))
    assert [pair.new for pair in plan.kept] == ["stage1.block1", "stage2.block1", "stage2.block3"]


def test_coupled_halves_grow_by_pairs() -> None:
    network = small(num_blocks=(3,), block=Block(order="pre", coupling="additive"))
    plan = plan_deepening(network, with_blocks(network, 7))
    assert [(block.name, block.behind) for block in plan.inserted] == [
        *(("stage1.block3", "stage1.block2"), ("stage1.block4", "stage1.block2")),
        *(("stage1.block6", "stage1.block3"), ("stage1.block7", "stage1.block3")),
    ]
    with pytest.raises(GrowError) as refused:
        plan_deepening(network, with_blocks(network, 6))
    assert str(refused.value) == (
        "small: stage1 would get 3 blocks of coupled halves, and only two together are the identity: each swaps the "
        "halves. Insert an even number, e.g. 4."
    )
