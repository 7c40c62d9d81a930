"""Where attention, filters, drops and learned scales stand in the plan, in every order of layers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from skipline.spec import (
    Attention,
    Block,
    BlockPlan,
    Branch,
    ConvWeights,
    Head,
    Merge,
    Network,
    Norm,
    ProjectionShortcut,
    SpecError,
    Stage,
    Stem,
    Step,
    StochasticDepth,
    unfold,
    with_drop_block,
    with_output_stride,
)
from skipline.spec.attention import attention_layer
from skipline.spec.block import Order
from skipline.spec.layers import (
    Blur,
    Conv,
    DropBlock,
    DropBranch,
    EfficientAttention,
    LearnedScale,
    PadPixels,
    Pool,
    SqueezeExcite,
)
from skipline.zoo import describe

EVERYTHING = {"antialias": "blur", "attention": Attention("eca"), "drop_block": 0.1, "dropout": 0.2}


def network(block: Block, **changes: Any) -> Network:
    """Two stages of two blocks, 16 → 16 → 32 channels, the second at half the size."""
    stages = (Stage(2, 16, 8, block=block), Stage(2, 32, 16, stride=2, block=block))
    return replace(Network("n", 3, Stem((16,)), stages, Head(10)), **changes)


def names(steps: tuple[Step, ...]) -> str:
    return " ".join(step.name.rsplit(".", 1)[1] for step in steps)


def block_named(net: Network, name: str) -> BlockPlan:
    return next(block for block in unfold(net).blocks if block.name == name)


BRANCHES: list[tuple[Order, Branch, str]] = [
    (
        "post",
        Branch(**EVERYTHING),
        "conv1 norm1 drop_block act1 antialias dropout conv2 norm2 attention scale",
    ),
    (
        "pre",
        Branch(**EVERYTHING),
        "conv1 norm2 drop_block act2 antialias dropout conv2 attention scale",
    ),
    (
        "act_only_pre",
        Branch(**EVERYTHING),
        "act1 conv1 norm1 drop_block act2 antialias dropout conv2 norm2 attention scale",
    ),
    (
        "post",
        Branch("bottleneck", stride_at="middle", **EVERYTHING),
        "conv1 norm1 act1 conv2 norm2 drop_block act2 antialias dropout conv3 norm3 attention scale",
    ),
    (
        "post",
        Branch("bottleneck", stride_at="first", **EVERYTHING),
        "conv1 norm1 act1 antialias conv2 norm2 drop_block act2 dropout conv3 norm3 attention scale",
    ),
    (
        "act_before_add",
        Branch(**EVERYTHING),
        "conv1 norm1 drop_block act1 antialias dropout conv2 norm2 act2 attention scale",
    ),
]


@pytest.mark.parametrize(("order", "branch", "expected"), BRANCHES)
def test_everything_has_its_place_in_a_block_that_shrinks(order: Order, branch: Branch, expected: str) -> None:
    block = Block(branch, ProjectionShortcut(), Merge(branch_scale=0.0, branch_scaling="learned"), order)
    plan = block_named(network(block), "stage2.block1")
    assert names(plan.branch) == expected
    convs = [step.layer for step in plan.branch if isinstance(step.layer, Conv)]
    assert {conv.stride for conv in convs} == {1}
    layers = {step.name.rsplit(".", 1)[1]: step.layer for step in plan.branch}
    assert layers["antialias"] == Blur(2)
    assert layers["drop_block"] == DropBlock(0.1, 7)
    assert layers["attention"] == EfficientAttention(32, 3)
    assert layers["scale"] == LearnedScale(0.0)


def test_a_block_that_keeps_the_size_filters_nothing() -> None:
    plan = block_named(network(Block(Branch(antialias="average"))), "stage2.block2")
    assert names(plan.branch) == "conv1 norm1 act1 conv2 norm2"


def test_a_mean_shrinks_where_a_blur_would() -> None:
    plan = block_named(network(Block(Branch(antialias="average"))), "stage2.block1")
    (mean,) = [step.layer for step in plan.branch if isinstance(step.layer, Pool)]
    assert mean == Pool("average", kernel=2, stride=2, padding=0, ceil=True)


@pytest.mark.parametrize(
    ("attention", "channels", "layer"),
    [  # C / r + 4, down to a multiple of 8, at least 8; (log₂ C + 1) / 2 up to an odd number, at least 3
        (Attention("squeeze_excite"), 64, SqueezeExcite(64, 8)),
        (Attention("squeeze_excite"), 256, SqueezeExcite(256, 16)),
        (Attention("squeeze_excite"), 320, SqueezeExcite(320, 24)),
        (Attention("squeeze_excite", reduction=4), 256, SqueezeExcite(256, 64)),
        (Attention("squeeze_excite"), 1, SqueezeExcite(1, 8)),
        (Attention("eca"), 1, EfficientAttention(1, 3)),
        (Attention("eca"), 64, EfficientAttention(64, 3)),
        (Attention("eca"), 128, EfficientAttention(128, 5)),
        (Attention("eca"), 2048, EfficientAttention(2048, 7)),
        (Attention(), 64, None),
    ],
)
def test_the_size_of_an_attention(attention: Attention, channels: int, layer: object) -> None:
    assert attention_layer(attention, channels) == layer


@pytest.mark.parametrize(
    ("pool", "expected", "stride"),
    [
        ("none", "conv1 norm1 act1", 1),
        ("max", "conv1 norm1 act1 pool", 2),
        ("max_zeros", "conv1 norm1 act1 border pool", 2),
        ("max_blur", "conv1 norm1 act1 pool blur", 2),
        ("average", "conv1 norm1 act1 pool", 2),
        ("conv", "conv1 norm1 act1 conv2 norm2 act2", 2),
    ],
)
def test_the_pools_of_a_stem(pool: Any, expected: str, stride: int) -> None:
    net = network(Block(), stem=Stem((16,), pool=pool))
    assert names(unfold(net).stem) == expected
    assert net.stem.total_stride == stride
    assert net.depth == 1 + (pool == "conv") + 8 + 1


@pytest.mark.parametrize(("subsample", "layer"), [("average", "pool"), ("blur", "blur")])
def test_a_shortcut_filters_before_its_projection(subsample: Any, layer: str) -> None:
    plan = block_named(network(Block(shortcut=ProjectionShortcut(subsample=subsample))), "stage2.block1")
    assert names(plan.shortcut) == f"{layer} conv norm"
    assert [step.layer.stride for step in plan.shortcut if isinstance(step.layer, Conv)] == [1]


def test_a_dilated_stage_keeps_its_filters_at_stride_1() -> None:
    """As timm does: the averaging shortcut has zeros below and to the right, the branch's blur stays."""
    block = Block(Branch("bottleneck", stride_at="middle", antialias="blur"), ProjectionShortcut(subsample="average"))
    stages = tuple(Stage(2, 32 * 2**n, 16, stride=1 + (n > 0), block=block) for n in range(4))
    net = with_output_stride(network(block, stem=Stem((16,), 7, 2, "max"), stages=stages), 8)
    plan = block_named(net, "stage4.block1")
    assert names(plan.shortcut) == "border pool conv norm"
    assert [step.layer for step in plan.shortcut[:2]] == [PadPixels(0, 1), Pool("average", 2, 1, 0, ceil=False)]
    assert [step.layer for step in plan.branch if isinstance(step.layer, Blur)] == [Blur(1)]
    assert names(block_named(net, "stage4.block2").shortcut) == ""


def test_the_rates_of_stochastic_depth_grow_with_the_block() -> None:
    net = network(Block(), stochastic_depth=StochasticDepth(0.4, "sample"))
    steps = [block.drop_step for block in unfold(net).blocks]
    assert [step.name for step in steps if step] == [
        "stage1.block1.drop",
        "stage1.block2.drop",
        "stage2.block1.drop",
        "stage2.block2.drop",
    ]
    layers = [step.layer for step in steps if step]
    assert [layer.rate for layer in layers if isinstance(layer, DropBranch)] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    uniform = unfold(replace(net, stochastic_depth=StochasticDepth(0.4, rule="uniform"))).blocks
    assert {block.drop_step.layer for block in uniform if block.drop_step} == {DropBranch(0.4, "batch")}
    assert all(block.drop_step is None for block in unfold(network(Block())).blocks)


def test_all_convolutions_are_standardised_or_none() -> None:
    weights = ConvWeights("standardised", 1e-8)
    net = network(Block(shortcut=ProjectionShortcut()), norm=Norm("group", groups=4), conv_weights=weights)
    convs = [step.layer for step in unfold(net).steps() if isinstance(step.layer, Conv)]
    assert len(convs) == 1 + 8 + 1
    assert {conv.weights for conv in convs} == {weights}


@pytest.mark.parametrize("order", ["pre", "act_only_pre"])
def test_the_first_identity_can_be_raw(order: Order) -> None:
    activated = network(Block(order=order))
    raw = replace(activated, first_identity="raw")
    assert block_named(activated, "stage1.block1").shortcut_reads_entry
    assert not block_named(raw, "stage1.block1").shortcut_reads_entry
    assert names(block_named(raw, "stage1.block1").branch) == names(block_named(raw, "stage1.block2").branch)


def test_timms_drop_block_stands_in_the_last_two_stages() -> None:
    net = with_drop_block(describe("resnet50"), 0.2)
    assert [(s.block.branch.drop_block, s.block.branch.drop_block_size) for s in net.stages[2:]] == [
        (0.05, 5),
        (0.2, 3),
    ]
    assert net.stages[:2] == describe("resnet50").stages[:2]


def test_drop_block_at_rate_0_is_none() -> None:
    assert with_drop_block(describe("resnet50"), 0.0) == describe("resnet50")


def test_drop_block_needs_two_stages() -> None:
    one = network(Block(), stages=(Stage(2, 16, 16),))
    with pytest.raises(SpecError, match=re.escape("n: it has one stage, and DropBlock stands in the last two. Add a")):
        with_drop_block(one, 0.1)
    with pytest.raises(
        SpecError, match=re.escape("Branch.drop_block is 1.0; expected a number in [0, 0.99]. The nearest")
    ):
        with_drop_block(describe("resnet50"), 1.0)
