"""The rows of networks for photographs: a stem that shrinks the image fourfold, four stages, 1000 classes."""

from __future__ import annotations

from functools import partial
from typing import Literal

from skipline.spec import Branch
from skipline.zoo.families import IMAGENET_WIDTHS, ImageNetStem, Option, Unit, imagenet
from skipline.zoo.row import Row

_DEEP = "He et al. 2015, arXiv 1512.03385"
_IDENTITY = "He et al. 2016, arXiv 1603.05027"
_RESNEXT = "Xie et al. 2016, arXiv 1611.05431"
_WIDE = "Zagoruyko & Komodakis 2016, arXiv 1605.07146"
_TRICKS = "He et al. 2018, arXiv 1812.01187"
_RESNEST = "Zhang et al. 2020, arXiv 2004.08955"
_TIMM = "Wightman 2019, timm (no paper)"

# Blocks in each stage: arXiv 1512.03385, table 1; 200: arXiv 1603.05027, table 5
_BLOCKS: dict[int, tuple[int, int, int, int]] = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}
_LEAST_BOTTLENECK = 50  # the least depth with bottleneck blocks: the same table
_STEMS: dict[ImageNetStem, tuple[tuple[int, ...], Option, str, str]] = {
    "c": ((50, 101, 152), "b", _TRICKS, "three 3×3 convolutions (32, 32, 64) for the stem's 7×7"),
    "d": (
        (18, 34, 50, 101, 152, 200),
        "d",
        _TRICKS,
        "three 3×3 convolutions (32, 32, 64) for the stem's 7×7, averaging shortcuts (option D)",
    ),
    "s": ((50, 101, 152), "b", _RESNEST, "three 3×3 convolutions (64, 64, 128) for the stem's 7×7"),
    "t": ((50,), "d", _TIMM, "three 3×3 convolutions (24, 32, 64) for the stem's 7×7, averaging shortcuts (option D)"),
}


def _in_both(name: str) -> tuple[str, ...]:
    return f"timm:{name}", f"torchvision:{name}"


_PEERS: dict[int, tuple[str, ...]] = {
    **{
        depth: (*_in_both(f"resnet{depth}"), f"transformers:microsoft/resnet-{depth}")
        for depth in (18, 34, 50, 101, 152)
    },
    200: ("timm:resnet200",),
}


def rows() -> tuple[Row, ...]:
    """Every row of this kind."""
    return (
        *(_resnet(depth) for depth in _BLOCKS),
        *(_resnet_v1(depth) for depth in (50, 101, 152)),
        *(_with_option(depth, "a") for depth in (18, 34)),
        *(_with_option(depth, "c") for depth in (18, 34)),
        *(_with_stem(depth, stem) for stem, (depths, *_) in _STEMS.items() for depth in depths),
        *(_resnext(depth, *size) for depth, *size in ((50, 32, 4), (101, 32, 8), (101, 64, 4))),
        *(_wide(depth) for depth in (50, 101)),
        *(_plain(depth) for depth in (18, 34)),
        *(_preact(depth) for depth in _BLOCKS),
    )


def _resnet(depth: int) -> Row:
    branch = _branch(depth)
    where = "" if branch.kind == "basic" else ", stride on the 3×3 (v1.5: torchvision, timm)"
    source = _IDENTITY if depth == 200 else _DEEP
    summary = f"projections (option B){where}"
    return _row(f"resnet{depth}", depth, "ResNet", source, summary, branch=branch, peers=_PEERS[depth])


def _resnet_v1(depth: int) -> Row:
    summary = "projections (option B), stride on the first 1×1 (v1: the paper, Caffe)"
    branch = Branch("bottleneck", stride_at="first")
    return _row(f"resnet{depth}_v1", depth, "ResNet v1", _DEEP, summary, branch=branch)


def _with_option(depth: int, option: Literal["a", "c"]) -> Row:
    summary = {"a": "zero-padded identities (option A)", "c": "projections in every block (option C)"}[option]
    branch = _branch(depth)
    return _row(f"resnet{depth}_{option}", depth, "ResNet options", _DEEP, summary, branch=branch, option=option)


def _with_stem(depth: int, stem: ImageNetStem) -> Row:
    _, option, source, summary = _STEMS[stem]
    return _row(
        f"resnet{depth}{stem}",
        depth,
        f"ResNet-{stem.upper()}",
        source,
        summary,
        branch=_branch(depth),
        option=option,
        stem=stem,
        peers=(f"timm:resnet{depth}{stem}",),
    )


def _resnext(depth: int, groups: int, width: int) -> Row:
    return _row(
        f"resnext{depth}_{groups}x{width}d",
        depth,
        "ResNeXt",
        _RESNEXT,
        f"the 3×3 has {groups} groups, of {width} channels in the first stage",
        branch=Branch("bottleneck", groups=groups, stride_at="middle"),
        inner_widths=tuple(groups * width * stage // 64 for stage in IMAGENET_WIDTHS),
        peers=_in_both(f"resnext{depth}_{groups}x{width}d"),
    )


def _wide(depth: int) -> Row:
    return _row(
        f"wide_resnet{depth}_2",
        depth,
        "wide ResNet",
        _WIDE,
        "the 3×3 is twice as wide",
        branch=_branch(depth),
        inner_widths=tuple(2 * width for width in IMAGENET_WIDTHS),
        peers=_in_both(f"wide_resnet{depth}_2"),
    )


def _plain(depth: int) -> Row:
    return _row(f"plain{depth}", depth, "plain", _DEEP, "no shortcuts", branch=_branch(depth), unit="plain")


def _preact(depth: int) -> Row:
    summary = "norm and activation before each convolution"
    branch = _branch(depth)
    peers = (f"timm:resnetv2_{depth}",) if depth in (50, 101, 152) else ()
    return _row(
        f"preresnet{depth}", depth, "pre-activation", _IDENTITY, summary, branch=branch, unit="preact", peers=peers
    )


def _branch(depth: int) -> Branch:
    return Branch("basic") if depth < _LEAST_BOTTLENECK else Branch("bottleneck", stride_at="middle")


def _row(
    name: str,
    depth: int,
    family: str,
    source: str,
    summary: str,
    *,
    branch: Branch,
    unit: Unit = "residual",
    option: Option = "b",
    stem: ImageNetStem = "standard",
    inner_widths: tuple[int, ...] = IMAGENET_WIDTHS,
    peers: tuple[str, ...] = (),
) -> Row:
    make = partial(
        imagenet,
        blocks=_BLOCKS[depth],
        branch=branch,
        unit=unit,
        option=option,
        stem=stem,
        inner_widths=inner_widths,
    )
    return Row(name, name, family, source, f"{branch.kind} blocks: {summary}", 1000, 224, make, peers)
