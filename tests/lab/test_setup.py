"""What a page may ask for: whatever else comes is refused in words."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from skipline.lab.error import LabError
from skipline.lab.setup import MOST_DEPTH, Setup, setup_of
from skipline.spec import Merge, PadShortcut, ProjectionShortcut


def test_nothing_said_is_the_standard() -> None:
    assert setup_of({}) == Setup()


def test_every_part_can_be_said() -> None:
    document = {
        "unit": "preact", "depth": 30, "width": 4, "init": "orthogonal", "alpha": 1.5, "norm": "group", "groups": 2,
        "act": "leaky_relu", "slope": 0.3, "shortcut": "b", "scale": 0.5, "skip_scale": 0.9, "skip_dropout": 0.1,
        "gate": "exclusive", "dtype": "float16", "batch": 8, "seed": 3,
        "site": "sum", "fixes": ["he"], "lesions": ["stage1.block2"],
    }  # fmt: skip
    assert set(document) == {field.name for field in fields(Setup)}
    found = setup_of(document)
    expected = {key: tuple(value) if isinstance(value, list) else value for key, value in document.items()}
    assert {field.name: getattr(found, field.name) for field in fields(Setup)} == expected
    merge = found.candidate.network.stages[1].block.merge
    assert merge == Merge(branch_scale=0.5, shortcut_scale=0.9, shortcut_dropout=0.1, gate="exclusive")
    assert found.conditions.number_format == "float16"


@pytest.mark.parametrize(
    ("option", "shortcut"),
    [
        ("a", PadShortcut(pad="both", subsample="stride")),
        ("a_end", PadShortcut(pad="end", subsample="stride")),
        ("a_average", PadShortcut(pad="both", subsample="average")),
        ("b", ProjectionShortcut(when="change", subsample="stride")),
        ("c", ProjectionShortcut(when="always", subsample="stride")),
        ("d", ProjectionShortcut(when="change", subsample="average")),
    ],
)
def test_every_form_of_the_shortcut_can_be_had(option: str, shortcut: object) -> None:
    network = setup_of({"shortcut": option, "depth": 14}).candidate.network
    assert {stage.block.shortcut for stage in network.stages} == {shortcut}


@pytest.mark.parametrize("unit", ["norm_after_add", "act_before_add", "act_only_pre"])
def test_the_other_orders_are_residual_nets_in_that_order(unit: str) -> None:
    network = setup_of({"unit": unit, "depth": 14}).candidate.network
    assert {stage.block.order for stage in network.stages} == {unit}
    assert network.name == f"{unit}14-batch-relu"


@pytest.mark.parametrize("unit", ["plain", "residual", "act_only_pre", "preact", "linear"])
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
        ({"alpha": 10**400}, "alpha is a number of 1329 bits; expected a number from -10 to 10"),
        ({"unit": "plane"}, "expected one of plain, residual, norm_after_add.* Did you mean 'plain'?"),
        ({"unit": ["plain"]}, "expected one of"),
        ({"init": "x" * 101}, "at most 100 characters"),
        ({"fixes": ["he"] * 9}, "expected a list of at most 8"),
        ({"fixes": ["hee"]}, r"fixes\[0\] is 'hee'"),
        ({"gate": "open"}, "gate is 'open'; expected one of none, shortcut, exclusive"),
        ({"skip_dropout": 1}, "expected a number from 0 to 0.9"),
        ({"lesions": "stage1.block1"}, "expected a list of at most 32"),
    ],
)
def test_what_cannot_be_is_refused(document: Any, words: str) -> None:
    with pytest.raises(LabError, match=words):
        setup_of(document)
