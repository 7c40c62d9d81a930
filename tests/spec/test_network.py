"""Stem, stage, head and the whole network."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import FrozenInstanceError, replace
from itertools import product

import pytest

from skipline.spec import (
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
    SpecError,
    Stage,
    Stem,
    StochasticDepth,
    unfold,
)
from skipline.spec.block import BRANCH_KINDS
from skipline.spec.layers import Conv

STANDARDISED = ConvWeights("standardised")
PROJECTED = Block(shortcut=ProjectionShortcut())
SMALL = Network("small", 3, Stem((16,)), (Stage(2, 16, 16), Stage(3, 32, 32, stride=2)), Head(10))

COUPLED = Block(order="pre", coupling="additive")
MESSAGES: list[tuple[Callable[[], object], str]] = [
    (
        lambda: Stem((16,), pool="max_blurr"),  # type: ignore[arg-type]
        "Stem.pool is 'max_blurr'; expected one of 'none', 'max', 'max_zeros', 'max_blur', 'average', 'conv'. "
        "Did you mean 'max_blur'?",
    ),
    (
        lambda: StochasticDepth(1.0),
        "StochasticDepth.rate is 1.0; expected a number in [0, 0.99]. The nearest valid value is 0.99.",
    ),
    (
        lambda: StochasticDepth(mode="sample"),
        "StochasticDepth has mode 'sample' and rule 'linear' with rate 0, where no branch is left out. "
        "Leave it at StochasticDepth(), or write StochasticDepth(0.1, 'sample', 'linear').",
    ),
    (
        lambda: StochasticDepth(0.1, "samples"),  # type: ignore[arg-type]
        "StochasticDepth.mode is 'samples'; expected one of 'batch', 'sample'. Did you mean 'sample'?",
    ),
    (
        lambda: StochasticDepth(0.1, rule="linar"),  # type: ignore[arg-type]
        "StochasticDepth.rule is 'linar'; expected one of 'linear', 'uniform'. Did you mean 'linear'?",
    ),
    (
        lambda: replace(SMALL, in_channels=1, stem=Stem((16,), kernel=1), conv_weights=STANDARDISED),
        "the stem has a 1×1 convolution of one channel, and Network.conv_weights standardises over the fan-in: its "
        "only weight would be 0 whatever is learned. Use ConvWeights(), or more channels there.",
    ),
    (
        lambda: replace(SMALL, conv_weights="standardised"),
        "Network.conv_weights is 'standardised'; expected ConvWeights(…).",
    ),
    (
        lambda: replace(SMALL, stochastic_depth=0.2),
        "Network.stochastic_depth is 0.2; expected StochasticDepth(…).",
    ),
    (
        lambda: replace(SMALL, first_identity="row"),
        "Network.first_identity is 'row'; expected one of 'activated', 'raw'. Did you mean 'raw'?",
    ),
    (
        lambda: replace(SMALL, first_identity="raw"),
        "Network.first_identity is 'raw' with blocks of order 'post', which begin with a convolution: their identity "
        "is always raw. Leave it at 'activated'.",
    ),
    (
        lambda: replace(
            SMALL,
            stages=(Stage(1, 16, 16), Stage(1, 16, 16, block=Block(shortcut=NoShortcut()))),
            stochastic_depth=StochasticDepth(0.5),
        ),
        "Network.stochastic_depth.rate is 0.5, and stage2 is plain: with its branch left out nothing would pass. "
        "Leave the rate at 0, or give the blocks a shortcut.",
    ),
    (
        lambda: replace(
            SMALL,
            stages=(Stage(1, 16, 16, block=Block(merge=Merge(gate="exclusive"))),),
            stochastic_depth=StochasticDepth(0.5),
        ),
        "Network.stochastic_depth.rate is 0.5, and stage1 has a gate, which already decides what passes. "
        "Leave the rate at 0, or the gate at 'none'.",
    ),
    (
        lambda: Stage(1, 15, 8, block=COUPLED),
        "Stage.channels is 15 with Block.coupling 'additive', which halves them. The nearest valid: 14 and 16; or "
        "leave coupling at 'none'.",
    ),
    (
        lambda: replace(SMALL, stem=Stem((15,)), stages=(Stage(1, 16, 8, block=COUPLED),)),
        "stage1 gets 15 channels with Block.coupling 'additive', which halves them. The nearest valid: 14 and 16;",
    ),
    (
        lambda: Stage(1, 12, 8, block=replace(COUPLED, branch=Branch(groups=4))),
        "Stage: block.branch.groups=4 does not divide half of channels=6; the nearest value of block.branch.groups",
    ),
    (
        lambda: replace(SMALL, norm=Norm("group", groups=4), stages=(Stage(1, 20, 8, block=COUPLED),)),
        "Norm: groups=4 does not divide half of stage1.channels=10; the nearest value of groups that does is 5.",
    ),
    (
        lambda: replace(
            SMALL,
            norm=Norm("none"),
            stages=(Stage(1, 16, 8, block=replace(COUPLED, shortcut=ProjectionShortcut())),),
            first_identity="raw",
            branch_input="unit_variance",
        ),
        "Network.branch_input is 'unit_variance', and stage1 couples two halves, whose variances are not the same. ",
    ),
    (lambda: Stem(()), "Stem.channels is empty; a stem has at least one convolution, e.g. channels=(16,)."),
    (
        lambda: Stem([16]),  # type: ignore[arg-type]
        "Stem.channels is a list; expected tuple(…).",
    ),
    (
        lambda: Stem((16, 0)),
        "Stem.channels[1] is 0; expected a whole number of at least 1. The nearest valid value is 1.",
    ),
    (
        lambda: Stem((16,), kernel=4),
        "Stem.kernel is 4; an even kernel has no centre. The nearest valid ones are 3 and 5.",
    ),
    (
        lambda: Stem((16,), stride=0),
        "Stem.stride is 0; expected a whole number of at least 1. The nearest valid value is 1.",
    ),
    (
        lambda: Stem((16,), pool="avg"),  # type: ignore[arg-type]
        "Stem.pool is 'avg'; expected one of 'none', 'max', 'max_zeros', 'max_blur', 'average', 'conv'.",
    ),
    (
        lambda: Stage(0, 16, 16),
        "Stage.num_blocks is 0; expected a whole number of at least 1. The nearest valid value is 1.",
    ),
    (
        lambda: Stage(100_001, 16, 16),
        "Stage.num_blocks is 100001; expected a whole number of at most 100000. The nearest valid value is 100000.",
    ),
    (
        lambda: Stage(1, 16, 16, stride=1.5),  # type: ignore[arg-type]
        "Stage.stride is 1.5; expected a whole number of at least 1.",
    ),
    (
        lambda: Stage(1, 16, -1),
        "Stage.inner_channels is -1; expected a whole number of at least 1. The nearest valid value is 1.",
    ),
    (
        lambda: Stage(1, 16, 16, first_dilation=0),
        "Stage.first_dilation is 0; expected a whole number of at least 1. The nearest valid value is 1.",
    ),
    (
        lambda: Stage(1, 64, 30, block=Block(Branch("bottleneck", groups=4))),
        "Stage: block.branch.groups=4 does not divide inner_channels=30; "
        "the nearest value of block.branch.groups that does is 3.",
    ),
    (
        lambda: Stage(1, 6, 8, block=Block(Branch(groups=4))),
        "Stage: block.branch.groups=4 does not divide channels=6; "
        "the nearest value of block.branch.groups that does is 3.",
    ),
    (
        lambda: Stage(1, 16, 16, block="basic"),  # type: ignore[arg-type]
        "Stage.block is 'basic'; expected Block(…).",
    ),
    (
        lambda: Head(0),
        "Head.num_classes is 0; expected a whole number of at least 1. The nearest valid value is 1.",
    ),
    (
        lambda: Head(10, dropout=2.0),
        "Head.dropout is 2.0; expected a number in [0, 0.99]. The nearest valid value is 0.99.",
    ),
    (
        lambda: replace(SMALL, name="../x"),
        "Network.name is '../x'; it must be a letter or digit and up to 99 letters, digits, '_', '-' or '.' behind it, "
        "e.g. 'cifar_resnet20'.",
    ),
    (
        lambda: replace(SMALL, name=""),
        "Network.name is ''; it must be a letter or digit and up to 99 letters, digits, '_', '-' or '.' behind it, "
        "e.g. 'cifar_resnet20'.",
    ),
    (
        lambda: replace(SMALL, in_channels="3"),
        "Network.in_channels is '3'; expected a whole number of at least 1.",
    ),
    (lambda: replace(SMALL, stem=(16,)), "Network.stem is a list; expected Stem(…)."),
    (lambda: replace(SMALL, stages=()), "Network.stages is empty; a network has at least one stage."),
    (lambda: replace(SMALL, stages=SMALL.stages[0]), "Network.stages is Stage(num_blocks=2"),
    (lambda: replace(SMALL, stages=(SMALL.stages[0], 3)), "Network.stages[1] is 3; expected Stage(…)."),
    (
        lambda: replace(SMALL, stages=(Stage(60_000, 16, 16), Stage(60_000, 16, 16))),
        "Network.num_blocks is 120000; expected a whole number of at most 100000. The nearest valid value is 100000.",
    ),
    (lambda: replace(SMALL, head=10), "Network.head is 10; expected Head(…)."),
    (lambda: replace(SMALL, norm="batch"), "Network.norm is 'batch'; expected Norm(…)."),
    (lambda: replace(SMALL, activation="relu"), "Network.activation is 'relu'; expected Activation(…)."),
    (
        lambda: replace(SMALL, stages=(Stage(1, 8, 8),)),
        "stage1 goes from 16 to 8 channels with a PadShortcut, which can only add channels. "
        "Use ProjectionShortcut(), or at least 16 channels.",
    ),
    (
        lambda: replace(SMALL, stem=Stem((15,)), stages=(Stage(1, 16, 16, block=Block(Branch(groups=4))),)),
        "stage1: block.branch.groups=4 does not divide incoming channels=15; "
        "the nearest value of block.branch.groups that does is 3.",
    ),
    (
        lambda: replace(SMALL, norm=Norm("group", groups=32)),
        "Norm: groups=32 does not divide Stem.channels[0]=16; the nearest value of groups that does is 16.",
    ),
    (
        lambda: replace(SMALL, norm=Norm("group", groups=16), stages=(Stage(1, 32, 24, block=PROJECTED),)),
        "Norm: groups=16 does not divide stage1.inner_channels=24; the nearest value of groups that does is 12.",
    ),
]


@pytest.mark.parametrize(("make", "message"), MESSAGES)
def test_an_invalid_network_says_what_and_why(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        make()


def test_a_network_is_frozen_hashable_and_equal_to_its_like() -> None:
    assert replace(SMALL) == SMALL
    assert hash(replace(SMALL)) == hash(SMALL)
    with pytest.raises(FrozenInstanceError):
        SMALL.name = "other"  # type: ignore[misc]


def test_depth_counts_weighted_layers_of_the_longest_path() -> None:
    assert SMALL.depth == 1 + 2 * 5 + 1
    assert SMALL.num_blocks == 5
    bottleneck = Block(Branch("bottleneck"), ProjectionShortcut())
    deep_stem = Network("n", 3, Stem((8, 8, 16)), (Stage(4, 64, 16, block=bottleneck),), Head(2))
    assert deep_stem.depth == 3 + 3 * 4 + 1


def test_channels_may_shrink_with_a_projection_or_without_a_shortcut() -> None:
    for shortcut in (ProjectionShortcut(), NoShortcut()):
        narrower = replace(SMALL, stages=(Stage(1, 8, 8, block=Block(shortcut=shortcut)),))
        assert narrower.stages[0].channels == 8


@pytest.mark.parametrize(
    ("stem", "strides", "dilations", "stride", "smallest"),
    [
        (Stem((16,)), (1, 2, 2), (1, 1, 1), 4, 8),
        (Stem((64,), 7, 2, "max"), (1, 2, 2, 2), (1, 1, 1, 1), 32, 64),
        (Stem((64,), 7, 2, "max"), (1, 2, 1, 1), (1, 1, 2, 4), 8, 64),
        (Stem((64,), 7, 2), (1, 2), (1, 1), 4, 8),
        (Stem((64,)), (3,), (5,), 3, 30),
        (Stem((16,)), (1,), (1,), 1, 2),
    ],
)
def test_stride_and_the_smallest_image(
    stem: Stem, strides: tuple[int, ...], dilations: tuple[int, ...], stride: int, smallest: int
) -> None:
    stages = tuple(
        Stage(2, 64, 64, stride=stride, dilation=dilation) for stride, dilation in zip(strides, dilations, strict=True)
    )
    network = Network("n", 3, stem, stages, Head(10))
    assert network.stride == stride
    assert network.smallest_image == smallest


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (4, 2), (8, 1), (2, 8)])
def test_from_the_smallest_image_on_a_tap_reads_the_image_at_half_of_the_places(stride: int, dilation: int) -> None:
    """Counted over the places of a 3×3 convolution of this dilation on the feature map of such an image."""
    network = Network("n", 3, Stem((8,), stride=stride), (Stage(2, 8, 8, dilation=dilation),), Head(10))

    def share(image: int) -> float:
        side = image // stride
        return sum(place + dilation < side for place in range(side)) / side

    assert share(network.smallest_image) == 0.5
    assert share(network.smallest_image - stride) < 0.5


def test_standardising_a_single_weight_is_refused_and_nothing_else() -> None:
    shortcuts = (ProjectionShortcut(), ProjectionShortcut(when="always"), PadShortcut(), NoShortcut())
    refused = 0
    for kind, shortcut, kernel, stem, inner, outer, stride, num_blocks in product(
        BRANCH_KINDS, shortcuts, (1, 3), (1, 4), (1, 4), (1, 4), (1, 2), (1, 2)
    ):
        if isinstance(shortcut, PadShortcut) and outer < stem:
            continue
        stage = Stage(num_blocks, outer, inner, stride, block=Block(Branch(kind), shortcut))
        free = Network("any", 2, Stem((stem, 4, stem), kernel), (stage,), Head(2))
        convs = [step.layer for step in unfold(free).steps() if isinstance(step.layer, Conv)]
        has_one = any(conv.kernel == 1 and conv.in_channels == 1 for conv in convs)
        refused += has_one
        with pytest.raises(SpecError, match="1×1 convolution of one channel") if has_one else nullcontext():
            replace(free, conv_weights=STANDARDISED)
    assert 100 < refused < 400
