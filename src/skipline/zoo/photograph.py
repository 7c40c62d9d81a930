"""One row for photographs: a stem that shrinks the image fourfold, four stages, 1000 classes."""

from __future__ import annotations

from functools import partial

from skipline.spec import Block, Branch
from skipline.spec.network import StemPool
from skipline.zoo.families import (
    DEFAULT_SWITCHES,
    IMAGENET_WIDTHS,
    ImageNetStem,
    Option,
    Switches,
    Unit,
    imagenet,
    imagenet_stem,
    order_of,
    shortcut_of,
)
from skipline.zoo.row import Row

# Blocks in each stage: arXiv 1512.03385, table 1; 200: arXiv 1603.05027, table 5; 10, 14, 26, 269: timm
BLOCKS: dict[int, tuple[int, int, int, int]] = {
    10: (1, 1, 1, 1),
    14: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    26: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
    269: (3, 30, 48, 8),
}
BASIC_DEPTHS = (10, 18, 34)  # the depths with basic blocks: the same table, and timm

STEMS: dict[ImageNetStem, str] = {
    "standard": "a 7×7 convolution",
    "c": "a deep stem (32, 32, 64)",
    "d": "a deep stem (32, 32, 64)",
    "s": "a deep stem (64, 64, 128)",
    "t": "a deep stem (24, 32, 64)",
}


def photograph(
    name: str,
    blocks: tuple[int, ...],
    *,
    family: str,
    source: str,
    summary: str,
    branch: Branch,
    unit: Unit = "residual",
    option: Option = "b",
    stem: ImageNetStem = "standard",
    pool: StemPool = "max",
    inner_widths: tuple[int, ...] = IMAGENET_WIDTHS,
    widen: int = 1,
    switches: Switches = DEFAULT_SWITCHES,
    image_size: int = 224,
    peers: tuple[str, ...] = (),
) -> Row:
    """The row of one network for photographs."""
    make = partial(
        imagenet,
        blocks=blocks,
        block=Block(branch, shortcut_of(unit, option), order=order_of(unit)),
        stem=imagenet_stem(stem, pool, widen=widen),
        inner_widths=inner_widths,
        widen=widen,
        switches=switches,
    )
    return Row(name, name, family, source, f"{branch.kind} blocks: {summary}", 1000, image_size, make, peers)


def branch_of(depth: int) -> Branch:
    """The branch of a network of this depth."""
    return Branch("basic") if depth in BASIC_DEPTHS else Branch("bottleneck", stride_at="middle")


def grouped(groups: int, width: int) -> tuple[int, ...]:
    """ResNeXt's inner widths: `groups` groups of `width` channels in the first stage."""
    return tuple(groups * width * stage // 64 for stage in IMAGENET_WIDTHS)
