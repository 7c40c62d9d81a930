"""Receptive fields: by hand, and as the gradients of built nets have them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from skipline.init import build
from skipline.nn import ResidualNet
from skipline.signal import features
from skipline.spec import (
    Block,
    Branch,
    Head,
    Merge,
    Network,
    PadShortcut,
    ProjectionShortcut,
    Stage,
    Stem,
    unfold,
)
from skipline.theory.receptive_field import receptive_fields
from skipline.zoo import describe

SIDE = 144  # so wide that a middle pixel sees no edge


def sizes(name: str, *places: str) -> list[float]:
    """The sizes at some places of a named network."""
    found = receptive_fields(describe(name))
    return [found[place].size for place in places]


def test_residual_18_by_hand() -> None:
    """7, then 11 behind the pool; a 3×3 adds 2 × the stride: 4 × 8, then 8 + 3 × 16, 16 + 3 × 32, 32 + 3 × 64."""
    places = ("stem.conv1", "stem", "stage1.block2.out", "stage2.block2.out", "stage3.block2.out", "stage4.block2.out")
    assert sizes("resnet18", *places) == [7, 11, 43, 99, 211, 435]


def test_residual_50_by_hand() -> None:
    """One 3×3 a block: 11 + 3 × 8; the stride is on it, so it still adds 2 × the stride before: 8, then 3 × 16 …"""
    places = [f"stage{number}.block{last}.out" for number, last in ((1, 3), (2, 4), (3, 6), (4, 3))]
    assert sizes("resnet50", *places) == [35, 91, 267, 427]


def test_cifar_1202_sees_far_beyond_its_images() -> None:
    """1 + 2 × (1 + 400) behind stage 1; then 2 + 4 × 399 more, and 4 + 8 × 399 more."""
    places = ("stem", "stage1.block200.out", "stage2.block200.out", "stage3.block200.out", "head")
    assert sizes("cifar_resnet1202", *places) == [3, 803, 2401, 5597, math.inf]


def test_the_parts_of_a_block_differ() -> None:
    places = [f"stage2.block1.{part}" for part in ("branch.conv1", "branch", "shortcut", "sum")]
    assert sizes("cifar_resnet20", *places) == [17, 21, 15, 21]


def net_of(stem: Stem, block: Block, *, dilated: bool = False) -> ResidualNet:
    """Two stages of positive weights, through which every path carries a positive gradient."""
    last = Stage(2, 8, 8, dilation=2, block=block) if dilated else Stage(2, 8, 8, stride=2, block=block)
    net = build(Network("law", 3, stem, (Stage(2, 4, 4, block=block), last), Head(2)), seed=1).eval().double()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if "conv" in name or "gate" in name:
                parameter.abs_().div_(parameter.abs().sum(dim=(1, 2, 3), keepdim=True) if parameter.ndim == 4 else 1)
    return net


def extent(net: ResidualNet, place: str, images: Tensor, index: int) -> tuple[int, int]:
    """The first and the last row that the output in row `index` and the middle column has a gradient for."""
    images = images.clone().requires_grad_(True)
    (value,) = features(net, images, [place]).values()
    (gradient,) = torch.autograd.grad(value[:, :, index, value.shape[3] // 2].sum(), images)
    rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    return int(rows[0]), int(rows[-1])


POST = Block(Branch(), ProjectionShortcut())
CASES = {
    "basic": (Stem((4,)), POST, False),
    "padded": (Stem((4,)), Block(Branch(), PadShortcut()), False),
    "averaged": (Stem((4,)), Block(Branch(), ProjectionShortcut(subsample="average")), False),
    "average of pads": (Stem((4,)), Block(Branch(), PadShortcut(subsample="average")), False),
    "bottleneck": (Stem((4,)), Block(Branch("bottleneck"), ProjectionShortcut()), False),
    "stride in the middle": (Stem((4,)), Block(Branch("bottleneck", stride_at="middle"), ProjectionShortcut()), False),
    "pre-activation": (Stem((4,)), replace(POST, order="pre"), False),
    "gated": (Stem((4,)), replace(POST, merge=Merge(gate="exclusive")), False),
    "deep stem": (Stem((4, 4, 4), stride=2), POST, False),
    "dilated": (Stem((4,)), POST, True),
    "photograph stem": (Stem((4,), 7, 2, "max"), POST, False),
}


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_is_non_zero_exactly_there(case: str) -> None:
    """A max-pool hands its gradient to one pixel of a window: over many images each is the largest in some."""
    stem, block, dilated = CASES[case]
    net = net_of(stem, block, dilated=dilated)
    num_images = 24 if stem.pool == "max" else 2
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((num_images, 3, SIDE, SIDE), generator=generator, dtype=torch.float64) + 0.1
    predicted = receptive_fields(net.network)
    for place in unfold(net.network).sites[:-1]:
        field = predicted[place]
        index = SIDE // field.stride // 2
        found = extent(net, place, images, index)
        assert found == (field.stride * index + field.first, field.stride * index + field.last), place


def test_every_step_and_site_is_there() -> None:
    plan = unfold(describe("resnet50d"))
    assert set(receptive_fields(describe("resnet50d"))) == {*plan.sites, *(step.name for step in plan.steps())}
