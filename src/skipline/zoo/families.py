"""Families of networks: the functions that the rows of the table call. Each returns a plain description."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

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
)
from skipline.spec.block import BranchKind, Coupling, Order
from skipline.spec.network import FirstIdentity, StemPool

Unit = Literal["plain", "residual", "preact", "norm_after_add", "act_before_add", "act_only_pre"]
Option = Literal["a", "a_end", "a_average", "b", "c", "d"]
ImageNetStem = Literal["standard", "c", "d", "s", "t"]

CIFAR_WIDTHS = (16, 32, 64)  # He et al. 2015, section 4.2
DIGIT_WIDTHS = (8, 16, 32)  # half of that: a digit has a sixteenth of a CIFAR image's pixels
IMAGENET_WIDTHS = (64, 128, 256, 512)  # He et al. 2015, table 1
IDENTITY_MERGE = Merge()


@dataclass(frozen=True, slots=True)
class Switches:
    """What a row may say of a whole network besides its blocks and its stem."""

    norm: Norm = field(default_factory=Norm)
    conv_weights: ConvWeights = field(default_factory=ConvWeights)
    first_identity: FirstIdentity = "activated"


DEFAULT_SWITCHES = Switches()

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
    coupling: Coupling = "none",
) -> Network:
    """The thin networks for small images (arXiv 1512.03385, section 4.2; 1603.05027): a stage for each of `widths`.

    With three stages a basic network has depth 6n + 2 and a bottleneck one 9n + 2, n blocks in each stage. `widths`
    are those of the 3×3 convolutions; a bottleneck block gives four times as many channels, and coupled halves (arXiv
    1707.04585) have so many each. Raises `SpecError` for a depth between these, naming the nearest.
    """
    step = len(widths) * (2 if branch == "basic" else 3)
    num_blocks = _blocks_a_stage(depth, step=step, offset=2)
    expansion = 1 if branch == "basic" else 4
    block = Block(Branch(branch), shortcut_of(unit, option), merge, _ORDERS[unit], coupling)
    halves = block.num_halves
    stages = tuple(
        Stage(num_blocks, halves * expansion * width, width, stride=1 if number == 0 else 2, block=block)
        for number, width in enumerate(widths)
    )
    return Network(name, in_channels, Stem((halves * widths[0],)), stages, Head(num_classes))


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
    block: Block,
    stem: Stem,
    inner_widths: tuple[int, ...],
    num_classes: int,
    in_channels: int,
    widen: int = 1,
    switches: Switches = DEFAULT_SWITCHES,
) -> Network:
    """The four-stage networks for photographs (arXiv 1512.03385, table 1, and what grew from it).

    `inner_widths` are the channels of the 3×3 convolutions of each stage; a bottleneck stage gives 4 · (64, 128, 256,
    512) channels whatever they are (ResNeXt and wide networks widen the inside only), a basic stage gives its width.
    `widen` multiplies all of them.
    """
    outputs = inner_widths if block.branch.kind == "basic" else tuple(4 * width for width in IMAGENET_WIDTHS)
    stages = tuple(
        Stage(count, widen * outputs[number], widen * inner_widths[number], stride=1 if number == 0 else 2, block=block)
        for number, count in enumerate(blocks)
    )
    return Network(
        name,
        in_channels,
        stem,
        stages,
        Head(num_classes),
        norm=switches.norm,
        conv_weights=switches.conv_weights,
        first_identity=switches.first_identity,
    )


def imagenet_stem(kind: ImageNetStem, pool: StemPool = "max", *, widen: int = 1) -> Stem:
    """The stem of a network for photographs: 7×7, or the three 3×3 convolutions that a letter means.

    Only the 7×7 stem can be widened; raises `SpecError` for `widen` beside a letter.
    """
    if kind == "standard":
        return Stem((64 * widen,), kernel=7, stride=2, pool=pool)
    if widen != 1:
        raise SpecError(
            f"imagenet_stem: widen is {widen} with the stem {kind!r}, whose channels are {_DEEP_STEMS[kind]}; only the "
            "stem 'standard' is widened. Leave it at 1, or write a Stem of your own channels."
        )
    return Stem(_DEEP_STEMS[kind], kernel=3, stride=2, pool=pool)


def order_of(unit: Unit) -> Order:
    """The order of the layers in a block of this kind."""
    return _ORDERS[unit]


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
