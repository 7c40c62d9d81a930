"""The rows of networks for photographs in the original order of layers, without attention or anti-aliasing."""

from __future__ import annotations

from typing import Literal

from skipline.spec import Branch, Norm
from skipline.zoo.families import IMAGENET_WIDTHS, ImageNetStem, Option, Switches
from skipline.zoo.papers import DEEP, GROUP_NORM, IDENTITY, RESNEST, RESNEXT, TIMM, TRICKS, WIDE
from skipline.zoo.photograph import BLOCKS, branch_of, grouped, photograph
from skipline.zoo.row import Row

_STEMS: dict[ImageNetStem, tuple[tuple[int, ...], Option, str, str]] = {
    "c": ((50, 101, 152), "b", TRICKS, "three 3×3 convolutions (32, 32, 64) for the stem's 7×7"),
    "d": (
        (18, 26, 34, 50, 101, 152, 200),
        "d",
        TRICKS,
        "three 3×3 convolutions (32, 32, 64) for the stem's 7×7, averaging shortcuts (option D)",
    ),
    "s": ((50, 101, 152), "b", RESNEST, "three 3×3 convolutions (64, 64, 128) for the stem's 7×7"),
    "t": (
        (10, 14, 26, 50),
        "d",
        TIMM,
        "three 3×3 convolutions (24, 32, 64) for the stem's 7×7, averaging shortcuts (option D)",
    ),
}
_RESNEXTS = ((50, 32, 4), (101, 32, 4), (101, 32, 8), (101, 32, 16), (101, 32, 32), (101, 64, 4))
_IN_TORCHVISION = ("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d")


def rows() -> tuple[Row, ...]:
    """Every row of this kind."""
    return (
        *(_resnet(depth) for depth in (18, 26, 34, 50, 101, 152, 200)),
        *(_resnet_v1(depth) for depth in (50, 101, 152)),
        *(_with_option(depth, "a") for depth in (18, 34)),
        *(_with_option(depth, "c") for depth in (18, 34)),
        *(_with_stem(depth, stem) for stem, (depths, *_) in _STEMS.items() for depth in depths),
        *(_resnext(depth, groups, width) for depth, groups, width in _RESNEXTS),
        _resnext(50, 32, 4, stem="d"),
        *(_wide(depth) for depth in (50, 101)),
        _group_norm(),
        *(_plain(depth) for depth in (18, 34)),
    )


def _resnet(depth: int) -> Row:
    branch = branch_of(depth)
    where = "" if branch.kind == "basic" else ", stride on the 3×3 (v1.5: torchvision, timm)"
    source = {26: TIMM, 200: IDENTITY}.get(depth, DEEP)
    name = f"resnet{depth}"
    peers = [f"timm:{name}"]
    if depth not in (26, 200):
        peers.append(f"torchvision:{name}")
    if depth != 200:
        peers.append(f"transformers:microsoft/resnet-{depth}")
    summary = f"projections (option B){where}"
    return photograph(
        name, BLOCKS[depth], family="ResNet", source=source, summary=summary, branch=branch, peers=tuple(peers)
    )


def _resnet_v1(depth: int) -> Row:
    summary = "projections (option B), stride on the first 1×1 (v1: the paper, Caffe)"
    branch = Branch("bottleneck", stride_at="first")
    return photograph(
        f"resnet{depth}_v1",
        BLOCKS[depth],
        family="ResNet v1",
        source=DEEP,
        summary=summary,
        branch=branch,
        peers=(f"transformers:microsoft/resnet-{depth}+downsample_in_bottleneck",),
    )


def _with_option(depth: int, option: Literal["a", "c"]) -> Row:
    summary = {"a": "zero-padded identities (option A)", "c": "projections in every block (option C)"}[option]
    name, branch = f"resnet{depth}_{option}", branch_of(depth)
    return photograph(
        name, BLOCKS[depth], family="ResNet options", source=DEEP, summary=summary, branch=branch, option=option
    )


def _with_stem(depth: int, stem: ImageNetStem) -> Row:
    _, option, source, summary = _STEMS[stem]
    return photograph(
        f"resnet{depth}{stem}",
        BLOCKS[depth],
        family=f"ResNet-{stem.upper()}",
        source=source,
        summary=summary,
        branch=branch_of(depth),
        option=option,
        stem=stem,
        peers=(f"timm:resnet{depth}{stem}",),
    )


def _resnext(depth: int, groups: int, width: int, *, stem: Literal["standard", "d"] = "standard") -> Row:
    name = f"resnext{depth}{'d' if stem == 'd' else ''}_{groups}x{width}d"
    stems = ", the stem and the shortcuts of ResNet-D" if stem == "d" else ""
    return photograph(
        name,
        BLOCKS[depth],
        family="ResNeXt",
        source=RESNEXT,
        summary=f"the 3×3 has {groups} groups, of {width} channels in the first stage{stems}",
        branch=Branch("bottleneck", groups=groups, stride_at="middle"),
        option="d" if stem == "d" else "b",
        stem=stem,
        inner_widths=grouped(groups, width),
        peers=(f"timm:{name}", *([f"torchvision:{name}"] if name in _IN_TORCHVISION else [])),
    )


def _wide(depth: int) -> Row:
    name = f"wide_resnet{depth}_2"
    return photograph(
        name,
        BLOCKS[depth],
        family="wide ResNet",
        source=WIDE,
        summary="the 3×3 is twice as wide",
        branch=branch_of(depth),
        inner_widths=tuple(2 * width for width in IMAGENET_WIDTHS),
        peers=(f"timm:{name}", f"torchvision:{name}"),
    )


def _group_norm() -> Row:
    return photograph(
        "resnet50_gn",
        BLOCKS[50],
        family="group norm",
        source=GROUP_NORM,
        summary="group norm of 32 groups",
        branch=branch_of(50),
        switches=Switches(norm=Norm("group", groups=32)),
        peers=("timm:resnet50_gn",),
    )


def _plain(depth: int) -> Row:
    return photograph(
        f"plain{depth}",
        BLOCKS[depth],
        family="plain",
        source=DEEP,
        summary="no shortcuts",
        branch=branch_of(depth),
        unit="plain",
    )
