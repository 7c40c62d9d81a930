"""Families of networks: the functions that the rows of the table call. Each returns a plain description."""

from __future__ import annotations

from typing import Literal

from skipline.spec import (
    Block,
    Branch,
    Head,
    Merge,
    Network,
    NoShortcut,
    PadShortcut,
    ProjectionShortcut,
    SpecError,
    Stage,
    Stem,
)
from skipline.spec.block import BranchKind, Order

Unit = Literal["plain", "residual", "preact", "norm_after_add", "act_before_add", "act_only_pre"]
Option = Literal["a", "a_end", "a_average", "b", "c", "d"]
ImageNetStem = Literal["standard", "c", "d", "s", "t"]

CIFAR_WIDTHS = (16, 32, 64)  # He et al. 2015, section 4.2
DIGIT_WIDTHS = (8, 16, 32)  # half of that: a digit has a sixteenth of a CIFAR image's pixels
IMAGENET_WIDTHS = (64, 128, 256, 512)  # He et al. 2015, table 1
IDENTITY_MERGE = Merge()

_ORDERS: dict[Unit, Order] = {
    "plain": "post",
    "residual": "post",
    "preact": "pre",
    "norm_after_add": "norm_after_add",
    "act_before_add": "act_before_add",
    "act_only_pre": "act_only_pre",
}
_DEEP_STEMS: dict[ImageNetStem, tuple[int, ...]] = {
    "c": (32, 32, 64),  # arXiv 1812.01187, ResNet-C
    "d": (32, 32, 64),  # the same stem; ResNet-D differs in its shortcut
    "s": (64, 64, 128),  # ResNeSt's stem, arXiv 2004.08955
    "t": (24, 32, 64),  # timm's tiered stem
}


def cifar(
    name: str,
    depth: int,
    *,
    unit: Unit,
    option: Option,
    branch: BranchKind,
    widths: tuple[int, ...],
    num_classes: int,
    in_channels: int,
    merge: Merge = IDENTITY_MERGE,
) -> Network:
    """The thin networks for small images (arXiv 1512.03385, section 4.2; 1603.05027): a stage for each of `widths`.

    With three stages a basic network has depth 6n + 2 and a bottleneck one 9n + 2, n blocks in each stage. `widths`
    are those of the 3×3 convolutions; a bottleneck block gives four times as many channels. Raises `SpecError` for a
    depth between these, naming the nearest.
    """
    step = len(widths) * (2 if branch == "basic" else 3)
    num_blocks = _blocks_a_stage(depth, step=step, offset=2)
    expansion = 1 if branch == "basic" else 4
    block = Block(Branch(branch), shortcut_of(unit, option), merge, _ORDERS[unit])
    stages = tuple(
        Stage(num_blocks, expansion * width, width, stride=1 if number == 0 else 2, block=block)
        for number, width in enumerate(widths)
    )
    return Network(name, in_channels, Stem((widths[0],)), stages, Head(num_classes))


def wide(name: str, depth: int, widen: int, *, num_classes: int, in_channels: int) -> Network:
    """Wide residual networks WRN-depth-widen (arXiv 1605.07146): pre-activation, basic, depth 6n + 4.

    The paper counts the projections' layers, so a WRN-28 is as deep as a ResNet-26.
    """
    num_blocks = _blocks_a_stage(depth, step=6, offset=4)
    block = Block(Branch(), ProjectionShortcut(), order="pre")
    stages = tuple(
        Stage(num_blocks, width * widen, width * widen, stride=1 if number == 0 else 2, block=block)
        for number, width in enumerate(CIFAR_WIDTHS)
    )
    return Network(name, in_channels, Stem((CIFAR_WIDTHS[0],)), stages, Head(num_classes))


def imagenet(
    name: str,
    blocks: tuple[int, ...],
    *,
    branch: Branch,
    unit: Unit,
    option: Option,
    stem: ImageNetStem,
    inner_widths: tuple[int, ...],
    num_classes: int,
    in_channels: int,
) -> Network:
    """The four-stage networks for photographs (arXiv 1512.03385, table 1, and what grew from it).

    `inner_widths` are the channels of the 3×3 convolutions of each stage; a bottleneck stage gives 4 · (64, 128, 256,
    512) channels whatever they are (ResNeXt and wide networks widen the inside only), a basic stage gives its width.
    """
    block = Block(branch, shortcut_of(unit, option), order=_ORDERS[unit])
    outputs = inner_widths if branch.kind == "basic" else tuple(4 * width for width in IMAGENET_WIDTHS)
    stages = tuple(
        Stage(count, outputs[number], inner_widths[number], stride=1 if number == 0 else 2, block=block)
        for number, count in enumerate(blocks)
    )
    if stem == "standard":
        first = Stem((64,), kernel=7, stride=2, pool="max")
    else:
        first = Stem(_DEEP_STEMS[stem], kernel=3, stride=2, pool="max")
    return Network(name, in_channels, first, stages, Head(num_classes))


def shortcut_of(unit: Unit, option: Option) -> NoShortcut | PadShortcut | ProjectionShortcut:
    """The shortcut that the papers' letters mean; a plain unit has none."""
    if unit == "plain":
        return NoShortcut()
    match option:
        case "a":
            return PadShortcut(pad="both", subsample="stride")
        case "a_end":
            return PadShortcut(pad="end", subsample="stride")
        case "a_average":
            return PadShortcut(pad="both", subsample="average")
        case "b":
            return ProjectionShortcut()
        case "c":
            return ProjectionShortcut(when="always")
        case "d":
            return ProjectionShortcut(subsample="average")


def _blocks_a_stage(depth: int, *, step: int, offset: int) -> int:
    """n of `depth = step · n + offset`, n ≥ 1; raises `SpecError` naming the nearest depths if there is none."""
    n, rest = divmod(depth - offset, step)
    if n >= 1 and rest == 0:
        return n
    below, above = step * n + offset, step * (n + 1) + offset
    nearest = f"the nearest are {below} and {above}" if n >= 1 else f"the least is {step + offset}"
    raise SpecError(f"there is no depth {depth}: depths are {step}n+{offset}; {nearest}.")
