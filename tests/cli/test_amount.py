"""Amounts in words, and that nobody has others."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import pytest

import skipline
from skipline.cli.amount import counted, percent

CLI = Path(skipline.__file__).with_name("cli")


@pytest.mark.parametrize(
    ("fraction", "places", "said"),
    [(0.0057, 2, "0.57 %"), (1.0, 0, "100 %"), (math.nan, 2, "—"), (math.inf, 2, "—"), ("NaN", 2, "—")],
)
def test_a_share_is_said_in_per_cent(fraction: float | str, places: int, said: str) -> None:
    assert percent(fraction, places=places) == said


def test_one_is_not_many() -> None:
    assert [counted(num, "run") for num in (0, 1, 1437)] == ["0 runs", "1 run", "1,437 runs"]
    assert [counted(num, "study", "studies") for num in (1, 2)] == ["1 study", "2 studies"]


def test_there_is_one_of_each() -> None:
    defined = [
        (node.name.strip("_"), file.name)
        for file in CLI.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.strip("_") in ("percent", "counted")
    ]
    assert sorted(defined) == [("counted", "amount.py"), ("percent", "amount.py")]
