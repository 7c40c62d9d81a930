"""The rows of networks for photographs that filter before they shrink: with a blur, or with a mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from skipline.spec import Branch
from skipline.zoo.attentive import with_attention
from skipline.zoo.families import IMAGENET_WIDTHS
from skipline.zoo.papers import TIMM
from skipline.zoo.photograph import BLOCKS, branch_of, grouped, photograph
from skipline.zoo.row import Row

_BLUR = "Zhang 2019, arXiv 1904.11486"


def rows() -> tuple[Row, ...]:
    """Every row of this kind."""
    return (
        *(_antialiased(branch_of(depth), f"resnetblur{depth}", BLOCKS[depth], "standard") for depth in (18, 50)),
        *(_antialiased(branch_of(depth), f"resnetblur{depth}d", BLOCKS[depth], "d") for depth in (50, 101)),
        _antialiased(branch_of(50), "resnetaa50", BLOCKS[50], "standard"),
        *(_antialiased(branch_of(depth), f"resnetaa{depth}d", BLOCKS[depth], "d") for depth in (34, 50, 101)),
        _antialiased(with_attention(branch_of(50), "se"), "seresnetaa50d", BLOCKS[50], "d"),
        _antialiased(_SE_GROUPED, "seresnextaa101d_32x8d", BLOCKS[101], "d"),
        _antialiased(_SE_GROUPED, "seresnextaa201d_32x8d", (3, 24, 36, 4), "s"),
    )


_SE_GROUPED = replace(with_attention(branch_of(101), "se"), groups=32)


def _antialiased(branch: Branch, name: str, blocks: tuple[int, ...], stem: Literal["standard", "d", "s"]) -> Row:
    blurs = "blur" in name
    attention = ", squeeze-and-excitation" if branch.attention.kind == "squeeze_excite" else ""
    tricks = "" if stem == "standard" else ", a deep stem, averaging shortcuts"
    return photograph(
        name,
        blocks,
        family="anti-aliased",
        source=_BLUR if blurs else TIMM,
        summary=f"a {'blur' if blurs else 'mean'} shrinks branches and stem{attention}{tricks}",
        branch=replace(branch, antialias="blur" if blurs else "average"),
        option="b" if stem == "standard" else "d",
        stem=stem,
        pool="max_blur" if blurs else "average",
        inner_widths=grouped(32, 8) if branch.groups > 1 else IMAGENET_WIDTHS,
        peers=(f"timm:{name}",),
    )
