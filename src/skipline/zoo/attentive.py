"""The rows of networks for photographs with channel attention: SE, ECA, ResNet-RS."""

from __future__ import annotations

from dataclasses import replace

from skipline.spec import Attention, Branch
from skipline.zoo.families import IMAGENET_WIDTHS, ImageNetStem
from skipline.zoo.photograph import BLOCKS, STEMS, branch_of, grouped, photograph
from skipline.zoo.row import Row

_SE = "Hu et al. 2017, arXiv 1709.01507"
_ECA = "Wang et al. 2019, arXiv 1910.03151"
_RS = "Bello et al. 2021, arXiv 2103.07579"

_SE_RESNETS: tuple[tuple[int, ImageNetStem], ...] = (
    *((depth, "standard") for depth in (18, 34, 50, 101, 152)),
    (50, "t"),
    *((depth, "d") for depth in (152, 200, 269)),
)
_SE_RESNEXTS: tuple[tuple[int, ImageNetStem, int, int], ...] = (
    (26, "d", 32, 4),
    (26, "t", 32, 4),
    (50, "standard", 32, 4),
    (101, "standard", 32, 4),
    (101, "standard", 32, 8),
    (101, "d", 32, 8),
    (101, "standard", 64, 4),
)
_ECA_RESNETS: tuple[tuple[int, ImageNetStem], ...] = (
    (26, "t"),
    (50, "d"),
    (50, "t"),
    *((depth, "d") for depth in (101, 200, 269)),
)
# Depth: blocks in each stage, and the side of the images that timm's weights were trained with. The paper counts 270
# and 420 layers where there are 272 and 419.
_RS_NETS: dict[int, tuple[tuple[int, int, int, int], int]] = {
    50: ((3, 4, 6, 3), 160),
    101: ((3, 4, 23, 3), 192),
    152: ((3, 8, 36, 3), 256),
    200: ((3, 24, 36, 3), 256),
    270: ((4, 29, 53, 4), 256),
    350: ((4, 36, 72, 4), 288),
    420: ((4, 44, 87, 4), 320),
}


def rows() -> tuple[Row, ...]:
    """Every row of this kind."""
    return (
        *(_attentive("se", depth, stem) for depth, stem in _SE_RESNETS),
        *(_attentive("se", depth, stem, groups, width) for depth, stem, groups, width in _SE_RESNEXTS),
        *(_attentive("eca", depth, stem) for depth, stem in _ECA_RESNETS),
        *(_attentive("eca", depth, "t", 32, 4) for depth in (26, 50)),
        _eca_light(),
        *(_rs(depth) for depth in _RS_NETS),
    )


def with_attention(branch: Branch, prefix: str) -> Branch:
    """`branch` with the attention that `se` or `eca` before a name means."""
    return replace(branch, attention=Attention("squeeze_excite" if prefix == "se" else "eca"))


def _attentive(prefix: str, depth: int, stem: ImageNetStem, groups: int = 1, width: int = 64) -> Row:
    is_grouped = groups > 1
    letter = "" if stem == "standard" else stem
    name = f"{prefix}resne{'x' if is_grouped else ''}t{depth}{letter}" + (f"_{groups}x{width}d" if is_grouped else "")
    what = {"se": "squeeze-and-excitation, 1/16", "eca": "efficient channel attention"}[prefix]
    inside = f", {groups} groups of {width} channels" if is_grouped else ""
    averages = stem in ("d", "t")
    shortcut = ", averaging shortcuts" if averages else ""
    return photograph(
        name,
        BLOCKS[depth],
        family=f"{prefix.upper()}-ResNe{'X' if is_grouped else ''}t",
        source=_SE if prefix == "se" else _ECA,
        summary=f"{what}{inside}, {STEMS[stem]}{shortcut}",
        branch=replace(with_attention(branch_of(depth), prefix), groups=groups),
        option="d" if averages else "b",
        stem=stem,
        inner_widths=grouped(groups, width) if is_grouped else IMAGENET_WIDTHS,
        peers=(f"timm:{name}",),
    )


def _eca_light() -> Row:
    return photograph(
        "ecaresnetlight",
        (1, 1, 11, 3),
        family="ECA-ResNet",
        source=_ECA,
        summary="efficient channel attention, most blocks in the third stage, averaging shortcuts",
        branch=with_attention(branch_of(50), "eca"),
        option="d",
        peers=("timm:ecaresnetlight",),
    )


def _rs(depth: int) -> Row:
    blocks, image_size = _RS_NETS[depth]
    return photograph(
        f"resnetrs{depth}",
        blocks,
        family="ResNet-RS",
        source=_RS,
        summary="squeeze-and-excitation, 1/4, a deep stem that ends in a strided convolution, averaging shortcuts",
        branch=Branch("bottleneck", stride_at="middle", attention=Attention("squeeze_excite", reduction=4)),
        option="d",
        stem="d",
        pool="conv",
        image_size=image_size,
        peers=(f"timm:resnetrs{depth}",),
    )
