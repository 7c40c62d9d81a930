"""The rows of networks for small images: a stem that keeps the image's size, three stages, 10 classes, any depth."""

from __future__ import annotations

from functools import partial

from skipline.spec import Merge
from skipline.spec.block import BranchKind
from skipline.zoo.families import CIFAR_WIDTHS, DIGIT_WIDTHS, IDENTITY_MERGE, Option, Unit, cifar, wide
from skipline.zoo.row import Row

_DEEP = "He et al. 2015, arXiv 1512.03385"
_IDENTITY = "He et al. 2016, arXiv 1603.05027"
_WIDE = "Zagoruyko & Komodakis 2016, arXiv 1605.07146"

_PREACT = "norm and activation before each convolution"
_OPTIONS: dict[Option, str] = {
    "a_end": "option A as in fb.resnet.torch: every second pixel, new channels of zeros behind the old",
    "a_average": "option A as in tensorpack: 2×2 averages, new channels of zeros on both sides",
    "b": "option B: projections where shapes change",
    "c": "option C: projections in every block (the '1×1 conv shortcut' of arXiv 1603.05027)",
}
_ORDERS: dict[str, tuple[Unit, str]] = {  # arXiv 1603.05027, figure 4 and table 2
    "bn_after_addition": ("norm_after_add", "the norm stands behind the addition (figure 4b)"),
    "relu_before_addition": ("act_before_add", "the branch ends with the activation (figure 4c)"),
    "relu_only_preactivation": ("act_only_pre", "the activation before, the norm behind a convolution (figure 4d)"),
}
_MERGES: dict[str, tuple[Merge, str]] = {  # arXiv 1603.05027, figure 2 and table 1: most of them train badly
    "constant_scaling": (Merge(branch_scale=0.5, shortcut_scale=0.5), "0.5 f(x) + 0.5 x"),
    "exclusive_gating": (Merge(gate="exclusive"), "g f(x) + (1 − g) x, g a learned gate"),
    "shortcut_only_gating": (Merge(gate="shortcut"), "f(x) + (1 − g) x, g a learned gate"),
    "dropout_shortcut": (Merge(shortcut_dropout=0.5), "half of the shortcut dropped while training"),
}


def rows() -> tuple[Row, ...]:
    """Every row of this kind."""
    return (*_resnets(), *_plain_and_preact(), *_orders(), *_merges(), _wrn(), *_digits())


def _resnets() -> tuple[Row, ...]:
    stem = "cifar_resnet{6n+2}"
    usual = "basic blocks, option A as in akamaster's: every second pixel, new channels of zeros on both sides"
    bottleneck = "bottleneck blocks, option B: the original unit that the paper compares with"
    return (
        _row(stem, 20, "CIFAR ResNet", _DEEP, usual),
        *(
            _row(f"{stem}_{option}", 20, "CIFAR ResNet", _DEEP, f"basic blocks, {summary}", option=option)
            for option, summary in _OPTIONS.items()
        ),
        _row("cifar_resnet_bottleneck{9n+2}", 164, "CIFAR ResNet", _IDENTITY, bottleneck, branch="bottleneck"),
    )


def _plain_and_preact() -> tuple[Row, ...]:
    always = f"bottleneck blocks (always: 6n+2 is preresnet_basic), option B, {_PREACT}"
    basic = f"basic blocks, option A, {_PREACT}: the paper's pre-activation ResNet-110"
    return (
        _row("cifar_plain{6n+2}", 20, "CIFAR plain", _DEEP, "basic blocks without shortcuts", unit="plain"),
        _row("cifar_preresnet{9n+2}", 164, "CIFAR pre-ResNet", _IDENTITY, always, unit="preact", branch="bottleneck"),
        _row("cifar_preresnet_basic{6n+2}", 110, "CIFAR pre-ResNet", _IDENTITY, basic, unit="preact"),
    )


def _orders() -> tuple[Row, ...]:
    shapes: tuple[tuple[str, int, BranchKind], ...] = (
        ("cifar_resnet{6n+2}", 110, "basic"),
        ("cifar_resnet_bottleneck{9n+2}", 164, "bottleneck"),
    )
    return tuple(
        _row(f"{stem}_{suffix}", depth, "CIFAR orders", _IDENTITY, f"{branch} blocks, {what}", unit=unit, branch=branch)
        for stem, depth, branch in shapes
        for suffix, (unit, what) in _ORDERS.items()
    )


def _merges() -> tuple[Row, ...]:
    return tuple(
        _row(f"cifar_resnet{{6n+2}}_{suffix}", 110, "CIFAR shortcuts", _IDENTITY, f"basic blocks, {what}", merge=merge)
        for suffix, (merge, what) in _MERGES.items()
    )


def _wrn() -> Row:
    summary = f"basic blocks, k times as wide, {_PREACT}; the depth counts the projections"
    return Row("cifar_wrn{6n+4}_{k}", "cifar_wrn28_10", "CIFAR wide ResNet", _WIDE, summary, 10, wide)


def _digits() -> tuple[Row, ...]:
    half = "half as wide as its CIFAR namesake, for images of 8×8 pixels"
    rows: tuple[tuple[str, str, Unit, BranchKind], ...] = (
        ("digits_resnet{6n+2}", _DEEP, "residual", "basic"),
        ("digits_plain{6n+2}", _DEEP, "plain", "basic"),
        ("digits_preresnet{9n+2}", _IDENTITY, "preact", "bottleneck"),
        ("digits_preresnet_basic{6n+2}", _IDENTITY, "preact", "basic"),
    )
    return tuple(
        _row(name, 20, "digits", source, f"{branch} blocks, {half}", unit=unit, branch=branch, widths=DIGIT_WIDTHS)
        for name, source, unit, branch in rows
    )


def _row(
    name: str,
    depth: int,
    family: str,
    source: str,
    summary: str,
    *,
    unit: Unit = "residual",
    option: Option | None = None,
    branch: BranchKind = "basic",
    merge: Merge = IDENTITY_MERGE,
    widths: tuple[int, ...] = CIFAR_WIDTHS,
) -> Row:
    """A row of `cifar`. The papers have option A with basic blocks and option B with bottlenecks, unless it is said."""
    usual: Option = "a" if branch == "basic" else "b"
    make = partial(cifar, unit=unit, option=option or usual, branch=branch, widths=widths, merge=merge)
    pattern = Row(name, name, family, source, summary, 10, make)
    example = pattern.name_with((depth,))
    assert example is not None
    return Row(name, example, family, source, summary, 10, make)
