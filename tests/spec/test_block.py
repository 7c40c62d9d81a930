"""Branch, shortcut, merge and block."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest

from skipline.spec import Attention, Block, Branch, Merge, NoShortcut, PadShortcut, ProjectionShortcut, SpecError

_UNDONE = "Block.coupling is 'additive', whose blocks can be undone, x₁ = y₂ − f(y₁), and"
MESSAGES: list[tuple[Callable[[], object], str]] = [
    (
        lambda: Attention("se"),  # type: ignore[arg-type]
        "Attention.kind is 'se'; expected one of 'none', 'squeeze_excite', 'eca'.",
    ),
    (
        lambda: Attention("squeeze_excite", reduction=0),
        "Attention.reduction is 0; expected a whole number of at least 1. The nearest valid value is 1.",
    ),
    (
        lambda: Attention("eca", reduction=4),
        "Attention.reduction is 4 with kind 'eca'; only 'squeeze_excite' reduces. "
        "Leave it at 16, or write Attention(kind='squeeze_excite', reduction=4).",
    ),
    (
        lambda: Branch(antialias="blurr"),  # type: ignore[arg-type]
        "Branch.antialias is 'blurr'; expected one of 'none', 'average', 'blur'. Did you mean 'blur'?",
    ),
    (
        lambda: Branch(attention="eca"),  # type: ignore[arg-type]
        "Branch.attention is 'eca'; expected Attention(…).",
    ),
    (
        lambda: Branch(drop_block=-0.1),
        "Branch.drop_block is -0.1; expected a number in [0, 0.99]. The nearest valid value is 0.",
    ),
    (
        lambda: Branch(drop_block_size=9),
        "Branch.drop_block_size is 9 with drop_block 0, where no square is dropped. "
        "Leave it at 7, or write Branch(drop_block=0.1, drop_block_size=9).",
    ),
    (
        lambda: Branch(drop_block_size=1000),
        "Branch.drop_block_size is 1000; expected a whole number of at most 255. The nearest valid value is 255.",
    ),
    (
        lambda: Merge(branch_scaling="learnt"),  # type: ignore[arg-type]
        "Merge.branch_scaling is 'learnt'; expected one of 'constant', 'learned'. Did you mean 'learned'?",
    ),
    (
        lambda: Branch(stride_at="middle"),
        "Branch.stride_at is 'middle' with kind 'basic', which has no middle convolution. "
        "Use stride_at='first', or kind='bottleneck'.",
    ),
    (
        lambda: Branch(stride_at="last"),  # type: ignore[arg-type]
        "Branch.stride_at is 'last'; expected one of 'first', 'middle'.",
    ),
    (
        lambda: Branch(groups=0),
        "Branch.groups is 0; expected a whole number of at least 1. The nearest valid value is 1.",
    ),
    (
        lambda: Branch(dropout=1.0),
        "Branch.dropout is 1.0; expected a number in [0, 0.99]. The nearest valid value is 0.99.",
    ),
    (
        lambda: PadShortcut(pad="start"),  # type: ignore[arg-type]
        "PadShortcut.pad is 'start'; expected one of 'end', 'both'.",
    ),
    (
        lambda: PadShortcut(subsample="avg"),  # type: ignore[arg-type]
        "PadShortcut.subsample is 'avg'; expected one of 'stride', 'average', 'blur'. Did you mean 'average'?",
    ),
    (
        lambda: ProjectionShortcut(when="alway"),  # type: ignore[arg-type]
        "ProjectionShortcut.when is 'alway'; expected one of 'change', 'always'. Did you mean 'always'?",
    ),
    (
        lambda: ProjectionShortcut(subsample="max"),  # type: ignore[arg-type]
        "ProjectionShortcut.subsample is 'max'; expected one of 'stride', 'average', 'blur'.",
    ),
    (
        lambda: Merge(branch_scale=float("nan")),
        "Merge.branch_scale is nan; expected a number in [-1e+06, 1e+06].",
    ),
    (
        lambda: Merge(shortcut_scale=-2e6),
        "Merge.shortcut_scale is -2000000.0; expected a number in [-1e+06, 1e+06]. "
        "The nearest valid value is -1000000.",
    ),
    (
        lambda: Merge(shortcut_dropout=-0.5),
        "Merge.shortcut_dropout is -0.5; expected a number in [0, 0.99]. The nearest valid value is 0.",
    ),
    (
        lambda: Merge(gate="exclusiv"),  # type: ignore[arg-type]
        "Merge.gate is 'exclusiv'; expected one of 'none', 'shortcut', 'exclusive'. Did you mean 'exclusive'?",
    ),
    (
        lambda: Block(order="pst"),  # type: ignore[arg-type]
        "Block.order is 'pst'; expected one of 'post', 'pre', 'norm_after_add', 'act_before_add', 'act_only_pre'. "
        "Did you mean 'post'?",
    ),
    (
        lambda: Block(branch="basic"),  # type: ignore[arg-type]
        "Block.branch is 'basic'; expected Branch(…).",
    ),
    (
        lambda: Block(shortcut=PadShortcut),  # type: ignore[arg-type]
        "Block.shortcut is <class 'skipline.spec.block.PadShortcut'>; "
        "expected one of NoShortcut(…), PadShortcut(…), ProjectionShortcut(…).",
    ),
    (
        lambda: Block(merge=0.5),  # type: ignore[arg-type]
        "Block.merge is 0.5; expected Merge(…).",
    ),
    (
        lambda: Block(shortcut=NoShortcut(), merge=Merge(branch_scale=0.5)),
        "Block.merge is Merge(branch_scale=0.5, branch_scaling='constant', shortcut_scale=1.0, shortcut_dropout=0.0, "
        "gate='none') in a block without a shortcut, where nothing meets. Leave it at Merge(), or give the block "
        "a shortcut.",
    ),
    *(
        (lambda fields=fields: Block(**{"order": "pre", "coupling": "additive", **fields}), f"{_UNDONE} {reason}")
        for fields, reason in (
            (
                {"shortcut": NoShortcut()},
                "without a shortcut x₁ would be lost. Use PadShortcut() or ProjectionShortcut(). "
                "Or leave coupling at 'none'.",
            ),
            (
                {"shortcut": ProjectionShortcut(when="always")},
                "a projection in every block has no inverse at hand. Use ProjectionShortcut(when='change'). "
                "Or leave coupling at 'none'.",
            ),
            (
                {"order": "post"},
                "order 'post' puts layers behind the sum, which lose what it was. Use order='pre'. "
                "Or leave coupling at 'none'.",
            ),
            (
                {"merge": Merge(gate="shortcut")},
                "a gate 'shortcut' multiplies x₁ by what may be 0. Use Merge(gate='none'). "
                "Or leave coupling at 'none'.",
            ),
            (
                {"merge": Merge(shortcut_dropout=0.5)},
                "shortcut_dropout 0.5 sets elements of x₁ to 0. Use 0, or Branch.dropout. Or leave coupling at 'none'.",
            ),
            (
                {"merge": Merge(shortcut_scale=0.5)},
                "shortcut_scale 0.5 would be divided out again in every block, and rounding grow with the depth. "
                "Use 1. Or leave coupling at 'none'.",
            ),
        )
    ),
]


@pytest.mark.parametrize(("make", "message"), MESSAGES)
def test_an_invalid_block_says_what_and_why(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        make()


def test_a_block_is_frozen_and_equal_to_its_like() -> None:
    assert Block() == Block(Branch(), PadShortcut(), Merge(), "post")
    assert hash(Block()) == hash(Block())
    with pytest.raises(FrozenInstanceError):
        Block().order = "pre"  # type: ignore[misc]


def test_only_a_shortcut_makes_a_block_residual() -> None:
    assert Block().is_residual
    assert Block(shortcut=ProjectionShortcut()).is_residual
    assert not Block(shortcut=NoShortcut()).is_residual
