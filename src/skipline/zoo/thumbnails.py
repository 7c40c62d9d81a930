"""The rows of networks for small images: a stem that keeps the image's size, three stages, 10 classes, any depth.

A name says its branch: `resnet` and `plain` have basic blocks and depths 6n+2, `preresnet` bottlenecks and depths
9n+2, as in the papers' best known networks (`cifar_resnet110`, `cifar_preresnet1001`); `resnet_bottleneck` and
`preresnet_basic` are the other way about. Depths such as 110 and 164 are both 6n+2 and 9n+2, so the name alone decides.
"""

from __future__ import annotations

from functools import partial

from skipline.spec import Merge
from skipline.spec.block import BranchKind, Coupling
from skipline.zoo.families import CIFAR_WIDTHS, DIGIT_WIDTHS, IDENTITY_MERGE, Option, Unit, cifar, wide
from skipline.zoo.papers import DEEP, IDENTITY, WIDE
from skipline.zoo.row import Row, filled

_REVERSIBLE = "Gomez et al. 2017, arXiv 1707.04585"

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
    return (*_resnets(), *_plain_and_preact(), *_reversible(), *_orders(), *_merges(), _wrn(), *_digits())


def _resnets() -> tuple[Row, ...]:
    stem, family = "cifar_resnet{6n+2}", "CIFAR ResNet"
    usual = "option A as in akamaster's: every second pixel, new channels of zeros on both sides"
    bottleneck = "option B; the paper's original unit, to compare with"
    return (
        _row(stem, 20, family, DEEP, usual),
        *(_row(f"{stem}_{option}", 20, family, DEEP, what, option=option) for option, what in _OPTIONS.items()),
        _row("cifar_resnet_bottleneck{9n+2}", 164, family, IDENTITY, bottleneck, branch="bottleneck", option="b"),
    )


def _plain_and_preact() -> tuple[Row, ...]:
    name, family = "cifar_preresnet", "CIFAR pre-activation"
    bottleneck = f"option B, {_PREACT}"
    basic = f"option A, {_PREACT}; the paper's pre-activation ResNet-110"
    return (
        _row("cifar_plain{6n+2}", 20, "CIFAR plain", DEEP, "no shortcuts", unit="plain"),
        _row(f"{name}{{9n+2}}", 164, family, IDENTITY, bottleneck, unit="preact", branch="bottleneck", option="b"),
        _row(f"{name}_basic{{6n+2}}", 110, family, IDENTITY, basic, unit="preact"),
    )


def _reversible() -> tuple[Row, ...]:
    """Two blocks here are one of the paper's; its table 2 counts the channels of both halves."""
    family, coupled = "CIFAR reversible", "halves of the channels take turns, so that activations need not be kept"
    pools = "2×2 averages and new channels of zeros where shapes change"
    kinds: tuple[tuple[str, int, BranchKind, Option, tuple[int, ...], str], ...] = (
        ("cifar_revnet38", 38, "basic", "a_average", (16, 32, 56), f"{coupled}; as the paper's, 112 channels last"),
        ("cifar_revnet110", 110, "basic", "a_average", CIFAR_WIDTHS, f"{coupled}; as the paper's"),
        ("cifar_revnet164", 164, "bottleneck", "b", CIFAR_WIDTHS, f"{coupled}; as the paper's, projections"),
        ("cifar_revnet_basic{6n+2}", 26, "basic", "a_average", CIFAR_WIDTHS, f"{coupled}; {pools}"),
        ("cifar_revnet_bottleneck{9n+2}", 38, "bottleneck", "b", CIFAR_WIDTHS, f"{coupled}; projections"),
    )
    return tuple(
        _row(
            name,
            depth,
            family,
            _REVERSIBLE,
            what,
            unit="preact",
            branch=branch,
            option=option,
            widths=widths,
            coupling="additive",
        )
        for name, depth, branch, option, widths, what in kinds
    )


def _orders() -> tuple[Row, ...]:
    shapes: tuple[tuple[str, int, BranchKind, Option], ...] = (
        ("cifar_resnet{6n+2}", 110, "basic", "a"),
        ("cifar_resnet_bottleneck{9n+2}", 164, "bottleneck", "b"),
    )
    return tuple(
        _row(
            f"{stem}_{suffix}",
            depth,
            "CIFAR orders",
            IDENTITY,
            what,
            unit=unit,
            branch=branch,
            option=option,
        )
        for stem, depth, branch, option in shapes
        for suffix, (unit, what) in _ORDERS.items()
    )


def _merges() -> tuple[Row, ...]:
    stem = "cifar_resnet{6n+2}"
    return tuple(
        _row(f"{stem}_{suffix}", 110, "CIFAR shortcuts", IDENTITY, what, merge=merge)
        for suffix, (merge, what) in _MERGES.items()
    )


def _wrn() -> Row:
    summary = f"basic blocks: k times as wide, {_PREACT}; the depth counts the projections"
    return Row("cifar_wrn{6n+4}_{k}", "cifar_wrn28_10", "CIFAR wide ResNet", WIDE, summary, 10, 32, wide)


def _digits() -> tuple[Row, ...]:
    half = "half as wide as its CIFAR namesake, for images of 8×8 pixels"
    kinds: tuple[tuple[str, str, Unit, BranchKind, Option], ...] = (
        ("digits_resnet{6n+2}", DEEP, "residual", "basic", "a"),
        ("digits_plain{6n+2}", DEEP, "plain", "basic", "a"),
        ("digits_preresnet{9n+2}", IDENTITY, "preact", "bottleneck", "b"),
        ("digits_preresnet_basic{6n+2}", IDENTITY, "preact", "basic", "a"),
    )
    return tuple(
        _row(
            name,
            20,
            "digits",
            source,
            half,
            unit=unit,
            branch=branch,
            option=option,
            widths=DIGIT_WIDTHS,
            image_size=8,
        )
        for name, source, unit, branch, option in kinds
    )


def _row(
    name: str,
    depth: int,
    family: str,
    source: str,
    summary: str,
    *,
    unit: Unit = "residual",
    option: Option = "a",
    branch: BranchKind = "basic",
    merge: Merge = IDENTITY_MERGE,
    widths: tuple[int, ...] = CIFAR_WIDTHS,
    image_size: int = 32,
    coupling: Coupling = "none",
) -> Row:
    make = partial(cifar, unit=unit, option=option, branch=branch, widths=widths, merge=merge, coupling=coupling)
    if "{" not in name:
        make = partial(make, depth=depth)
    return Row(name, filled(name, (depth,)), family, source, f"{branch} blocks: {summary}", 10, image_size, make)
