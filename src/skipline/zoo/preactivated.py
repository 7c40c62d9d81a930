"""The rows of pre-activation networks for photographs: with batch norm, with group norm, BiT."""

from __future__ import annotations

from skipline.spec import Branch, ConvWeights, Norm
from skipline.zoo.families import ImageNetStem, Switches
from skipline.zoo.papers import GROUP_NORM, IDENTITY, TRICKS
from skipline.zoo.photograph import BLOCKS, STEMS, branch_of, photograph
from skipline.zoo.row import Row

_BIT = "Kolesnikov et al. 2019, arXiv 1912.11370"
_BIT_EPSILON = 1e-8  # timm's for BiT's weights; the published code adds 1e-10
_PREACT = "norm and activation before each convolution"
_GROUPS = Norm("group", groups=32)  # Wu & He 2018


def rows() -> tuple[Row, ...]:
    """Every row of this kind."""
    return (
        *(_preact(depth, "standard") for depth in (18, 34, 50, 101, 152, 200)),
        *(_preact(depth, "d") for depth in (50, 101, 152)),
        _preact(50, "t"),
        *(_raw(depth, stem) for stem in ("standard", "d") for depth in (18, 34)),
        _group_norm(),
        *(_bit(depth, widen) for depth, widen in ((50, 1), (50, 3), (101, 1), (101, 3), (152, 2), (152, 4))),
    )


def _preact(depth: int, stem: ImageNetStem) -> Row:
    is_standard = stem == "standard"
    letter = "" if is_standard else stem
    return photograph(
        f"preresnet{depth}{letter}",
        BLOCKS[depth],
        family="pre-activation",
        source=IDENTITY if is_standard else TRICKS,
        summary=_PREACT if is_standard else f"{_PREACT}, {STEMS[stem]}, averaging shortcuts",
        branch=branch_of(depth),
        unit="preact",
        option="b" if is_standard else "d",
        stem=stem,
        peers=(f"timm:resnetv2_{depth}{letter}",) if depth in (50, 101, 152) else (),
    )


def _raw(depth: int, stem: ImageNetStem) -> Row:
    """timm's: the first identity is the stem's output; a bottleneck net has a projection there, and no difference."""
    is_standard = stem == "standard"
    letter = "" if is_standard else stem
    tricks = "" if is_standard else f", {STEMS[stem]}, averaging shortcuts"
    return photograph(
        f"preresnet{depth}{letter}_raw",
        BLOCKS[depth],
        family="pre-activation",
        source=IDENTITY,
        summary=f"{_PREACT}, the first identity is the stem's raw output{tricks}",
        branch=branch_of(depth),
        unit="preact",
        option="b" if is_standard else "d",
        stem=stem,
        switches=Switches(first_identity="raw"),
        peers=(f"timm:resnetv2_{depth}{letter}",),
    )


def _group_norm() -> Row:
    return photograph(
        "preresnet50d_gn",
        BLOCKS[50],
        family="pre-activation",
        source=GROUP_NORM,
        summary=f"{_PREACT}, group norm of 32 groups, {STEMS['d']}, averaging shortcuts",
        branch=branch_of(50),
        unit="preact",
        option="d",
        stem="d",
        switches=Switches(norm=_GROUPS),
        peers=("timm:resnetv2_50d_gn",),
    )


def _bit(depth: int, widen: int) -> Row:
    peers = [f"timm:resnetv2_{depth}x{widen}_bit"]
    if (depth, widen) == (50, 1):
        peers.append("transformers:google/bit-50")
    times = "" if widen == 1 else f", {widen} times as wide"
    return photograph(
        f"bit_r{depth}x{widen}",
        BLOCKS[depth],
        family="BiT",
        source=_BIT,
        summary=f"{_PREACT}, group norm of 32 groups, standardised weights{times}",
        branch=Branch("bottleneck", stride_at="middle"),
        unit="preact",
        pool="max_zeros",
        widen=widen,
        switches=Switches(norm=_GROUPS, conv_weights=ConvWeights("standardised", _BIT_EPSILON)),
        peers=tuple(peers),
    )
