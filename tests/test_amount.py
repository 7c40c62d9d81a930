"""Amounts in words, and that nobody makes others by hand."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import skipline
from skipline.amount import counted, duration, percent, setting_text, size_text

from .sources import parsed

PACKAGE = Path(skipline.__file__).parent


@pytest.mark.parametrize(
    ("fraction", "places", "said"),
    [(0.0057, 2, "0.57 %"), (1.0, 0, "100 %"), (math.nan, 2, "—"), (math.inf, 2, "—"), ("NaN", 2, "—")],
)
def test_a_share_is_said_in_per_cent(fraction: float | str, places: int, said: str) -> None:
    assert percent(fraction, places=places) == said


def test_one_is_not_many() -> None:
    assert [counted(num, "run") for num in (0, 1, 1437)] == ["0 runs", "1 run", "1,437 runs"]
    assert [counted(num, "study", "studies") for num in (1, 2)] == ["1 study", "2 studies"]


@pytest.mark.parametrize(
    ("seconds", "places", "said"),
    [
        (8.4, 0, "8 s"),
        (9.06, 1, "9.1 s"),
        (9.96, 1, "10 s"),
        (59.4, 1, "59 s"),
        (59.6, 0, "1 min 00 s"),
        (185, 0, "3 min 05 s"),
        (3599.6, 0, "1 h 00 min"),
        (7499, 0, "2 h 05 min"),
        (math.inf, 0, "—"),
    ],
)
def test_a_time_is_said_in_two_units_at_most(seconds: float, places: int, said: str) -> None:
    assert duration(seconds, places=places) == said


def test_sizes_are_written() -> None:
    assert [size_text(number) for number in (512, 3 * 2**20, 1.25 * 2**30, 20 * 2**30)] == [
        *("0.5 KiB", "3.00 MiB", "1.25 GiB", "20.0 GiB")
    ]


def test_settings_are_short_and_a_limit_without_end_is_none() -> None:
    values = (0.0125 / 10, 50.0, 0.1, 7, True, "sgd", None, "Infinity", math.inf)
    assert [setting_text(value) for value in values] == [
        *("0.00125", "50", "0.1", "7", "true", "sgd", "none", "none", "none")
    ]


@pytest.fixture(scope="module")
def nodes() -> list[tuple[str, ast.AST]]:
    """Everything in the package's sources, with its file."""
    return [(file, node) for file, tree in parsed(PACKAGE) for node in ast.walk(tree)]


def test_there_is_one_of_each(nodes: list[tuple[str, ast.AST]]) -> None:
    """The pages set them, with signs and spaces that a terminal need not have."""
    defined = [
        (node.name, file)
        for file, node in nodes
        if isinstance(node, ast.FunctionDef) and node.name in ("percent", "counted", "duration", "size_text")
    ]
    assert sorted(name for name in defined if name[1] != "report/number.py") == [
        (name, "amount.py") for name in ("counted", "duration", "percent", "size_text")
    ]


def test_nobody_makes_a_plural_or_a_share_by_hand(nodes: list[tuple[str, ast.AST]]) -> None:
    """No "channel(s)", no `'s' if num > 1`, no `:.2%`, no noun in the plural behind a number that may be 1."""
    found = [f"{file}:{line}: {what}" for file, node in nodes for line, what in by_hand(node)]
    named = [each for each in found if not each.startswith(OF_TEXT)]
    assert named == [], "use counted, percent and size_text of skipline.amount"


@pytest.mark.parametrize(
    "source",
    [
        'f"{num} channel(s)"',
        "f\"{num} photo{'' if num == 1 else 's'}\"",
        'f"{share:.2%}"',
        'number(share, ".1%")',
        'f"after {num:,} epochs"',
    ],
)
def test_what_is_made_by_hand_is_seen(source: str) -> None:
    assert [what for node in ast.walk(ast.parse(source)) for _, what in by_hand(node)] != []


NOUNS = "blocks|epochs|files|graphs|photos|seeds|steps|tensors|warnings"
OF_TEXT = ("cli/studies/race.py:", "report/race.py:", "zoo/photograph.py:", "zoo/thumbnails.py:")
"""Where what stands before "blocks" is no number but a list of them, or a kind."""


def by_hand(node: ast.AST) -> Iterator[tuple[int, str]]:
    """What `node` makes itself, with its line."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if re.search(r"[a-z]{2}\(s\)", node.value):
            yield node.lineno, "(s)"
        if re.fullmatch(r"[-+,<>0-9]*\.[0-9]%", node.value):
            yield node.lineno, node.value
    if isinstance(node, ast.IfExp):
        ends = {end.value for end in (node.body, node.orelse) if isinstance(end, ast.Constant)}
        if ends == {"", "s"}:
            yield node.lineno, "'s' if …"
    if isinstance(node, ast.JoinedStr):
        for before, number, text in zip([None, *node.values], node.values, node.values[1:], strict=False):
            is_of = isinstance(before, ast.Constant) and str(before.value).endswith("of ")
            if isinstance(number, ast.FormattedValue) and isinstance(text, ast.Constant) and not is_of:
                is_fixed = isinstance(number.value, ast.Name) and number.value.id.isupper()
                noun = re.match(rf" ({NOUNS})\b", str(text.value))
                if noun and not is_fixed:
                    yield node.lineno, noun[0]
