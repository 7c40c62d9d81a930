"""What a page may ask for: whatever else comes is refused in words."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from skipline.lab.error import LabError
from skipline.lab.setup import MOST_DEPTH, Setup, setup_of


def test_nothing_said_is_the_standard() -> None:
    assert setup_of({}) == Setup()


def test_every_part_can_be_said() -> None:
    document = {
        "unit": "preact", "depth": 30, "width": 4, "init": "orthogonal", "alpha": 1.5, "norm": "group", "groups": 2,
        "act": "leaky_relu", "slope": 0.3, "shortcut": "b", "scale": 0.5, "dtype": "float16", "batch": 8, "seed": 3,
        "site": "sum", "fixes": ["he"], "lesions": ["stage1.block2"],
    }  # fmt: skip
    assert set(document) == {field.name for field in fields(Setup)}
    found = setup_of(document)
    expected = {key: tuple(value) if isinstance(value, list) else value for key, value in document.items()}
    assert {field.name: getattr(found, field.name) for field in fields(Setup)} == expected
    assert found.candidate.network.stages[1].block.merge.branch_scale == 0.5
    assert found.conditions.number_format == "float16"


@pytest.mark.parametrize("unit", ["plain", "residual", "preact", "linear"])
def test_every_depth_is_taken_and_below_4_the_least(unit: str) -> None:
    taken = [setup_of({"unit": unit, "depth": depth}).candidate.network.depth for depth in range(1, 12)]
    assert taken == [4, 4, 4, 4, 5, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "a set-up is an object"),
        ({"dept": 3}, "Did you mean 'depth'"),
        ({"depth": MOST_DEPTH + 1}, "depth is 1001; expected a whole number from 1 to 1000"),
        ({"depth": True}, "depth is True"),
        ({"depth": 50.5}, "depth is 50.5"),
        ({"width": 65}, "expected a whole number from 1 to 64"),
        ({"alpha": float("nan")}, "alpha is nan"),
        ({"alpha": 11}, "alpha is 11; expected a number from -10 to 10"),
        ({"unit": "plane"}, "expected one of plain, residual, preact, linear"),
        ({"unit": ["plain"]}, "expected one of"),
        ({"init": "x" * 101}, "at most 100 characters"),
        ({"fixes": ["he"] * 9}, "expected a list of at most 8"),
        ({"fixes": ["hee"]}, r"fixes\[0\] is 'hee'"),
        ({"lesions": "stage1.block1"}, "expected a list of at most 32"),
    ],
)
def test_what_cannot_be_is_refused(document: Any, words: str) -> None:
    with pytest.raises(LabError, match=words):
        setup_of(document)
