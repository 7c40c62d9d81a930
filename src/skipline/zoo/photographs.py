"""The rows of networks for photographs: a stem that shrinks the image fourfold, four stages, 1000 classes."""

from __future__ import annotations

from functools import partial

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

_BASIC = Branch("basic")
_BOTTLENECK = Branch("bottleneck", stride_at="middle")
_BOTTLENECK_V1 = Branch("bottleneck", stride_at="first")
# Blocks in each stage and the branch they have: arXiv 1512.03385, table 1; 200: arXiv 1603.05027, table 5
_LAYOUTS: dict[int, tuple[tuple[int, int, int, int], Branch]] = {
    18: ((2, 2, 2, 2), _BASIC),
    34: ((3, 4, 6, 3), _BASIC),
    50: ((3, 4, 6, 3), _BOTTLENECK),
    101: ((3, 4, 23, 3), _BOTTLENECK),
    152: ((3, 8, 36, 3), _BOTTLENECK),
    200: ((3, 24, 36, 3), _BOTTLENECK),
}
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


def rows() -> tuple[Row, ...]:
    """Every row of this kind."""
    return (
        *(_resnet(depth) for depth in _LAYOUTS),
        *(_resnet_v1(depth) for depth in (50, 101, 152)),
        *(_with_option(depth, option) for depth in (18, 34) for option in ("a", "c")),
        *(_with_stem(depth, stem) for stem, (depths, *_) in _STEMS.items() for depth in depths),
        *(_resnext(depth, *size) for depth, *size in ((50, 32, 4), (101, 32, 8), (101, 64, 4))),
        *(_wide(depth) for depth in (50, 101)),
        *(_plain(depth) for depth in (18, 34)),
        *(_preact(depth) for depth in _LAYOUTS),
    )


def _resnet(depth: int) -> Row:
    where = "" if _LAYOUTS[depth][1] == _BASIC else ", stride on the 3×3 (v1.5: torchvision, timm)"
    source = _IDENTITY if depth == 200 else _DEEP
    return _row(f"resnet{depth}", depth, "ResNet", source, f"{_kind(depth)} blocks, projections (option B){where}")


def _resnet_v1(depth: int) -> Row:
    summary = "bottleneck blocks, projections (option B), stride on the first 1×1 (v1: the paper, Caffe)"
    return _row(f"resnet{depth}_v1", depth, "ResNet v1", _DEEP, summary, branch=_BOTTLENECK_V1)


def _with_option(depth: int, option: Option) -> Row:
    kind = {"a": "zero-padded identities only (option A)", "c": "projections in every block (option C)"}[option]
    return _row(
        f"resnet{depth}_{option}", depth, "ResNet options", _DEEP, f"{_kind(depth)} blocks, {kind}", option=option
    )


def _with_stem(depth: int, stem: ImageNetStem) -> Row:
    _, option, source, summary = _STEMS[stem]
    family = f"ResNet-{stem.upper()}"
    return _row(f"resnet{depth}{stem}", depth, family, source, summary, option=option, stem=stem)


def _resnext(depth: int, groups: int, width: int) -> Row:
    return _row(
        f"resnext{depth}_{groups}x{width}d",
        depth,
        "ResNeXt",
        _RESNEXT,
        f"bottleneck blocks whose 3×3 has {groups} groups of {width} channels (in the first stage)",
        branch=Branch("bottleneck", groups=groups, stride_at="middle"),
        inner_widths=tuple(width * groups * stage // 64 for stage in IMAGENET_WIDTHS),
    )


def _wide(depth: int) -> Row:
    return _row(
        f"wide_resnet{depth}_2",
        depth,
        "wide ResNet",
        _WIDE,
        "bottleneck blocks with a 3×3 twice as wide",
        inner_widths=tuple(2 * width for width in IMAGENET_WIDTHS),
    )


def _plain(depth: int) -> Row:
    return _row(f"plain{depth}", depth, "plain", _DEEP, "the same layers without shortcuts", unit="plain")


def _preact(depth: int) -> Row:
    summary = f"{_kind(depth)} blocks, norm and activation before each convolution"
    return _row(f"preresnet{depth}", depth, "pre-activation ResNet", _IDENTITY, summary, unit="preact")


def _kind(depth: int) -> str:
    return _LAYOUTS[depth][1].kind


def _row(
    name: str,
    depth: int,
    family: str,
    source: str,
    summary: str,
    *,
    branch: Branch | None = None,
    unit: Unit = "residual",
    option: Option = "b",
    stem: ImageNetStem = "standard",
    inner_widths: tuple[int, ...] = IMAGENET_WIDTHS,
) -> Row:
    blocks, usual = _LAYOUTS[depth]
    make = partial(
        imagenet,
        blocks=blocks,
        branch=branch or usual,
        unit=unit,
        option=option,
        stem=stem,
        inner_widths=inner_widths,
    )
    return Row(name, name, family, source, summary, 1000, make)
