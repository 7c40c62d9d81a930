"""Words of messages."""

from __future__ import annotations

from pathlib import Path

import pytest

import skipline
from skipline.wording import did_you_mean, few, shown


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": 1}, "an object"),
        ([1, 2], "a list"),
        ((), "a list"),
        (None, "None"),
        (1.5, "1.5"),
        ("x" * 61, repr("x" * 60) + "…"),
        (-(10**61), "a number of 203 bits"),
    ],
)
def test_a_value_is_shown_in_few_words(value: object, words: str) -> None:
    assert shown(value) == words


def test_a_hint_is_given_only_for_a_likeness() -> None:
    assert did_you_mean("strid", ["stride", "kernel"]) == " Did you mean 'stride'?"
    assert did_you_mean("q", ["stride", "kernel"]) == ""


def test_likeness_is_judged_in_one_place() -> None:
    sources = Path(skipline.__file__).parent
    judges = [file.name for file in sources.rglob("*.py") if "get_close_matches" in file.read_text(encoding="utf-8")]
    defined = [file.name for file in sources.rglob("*.py") if "def did_you_mean" in file.read_text(encoding="utf-8")]
    assert (judges, defined) == (["wording.py"], ["wording.py"])


def test_of_a_long_list_its_beginning_is_said_and_how_much_more_there_is() -> None:
    assert few(["a", "b", "c"]) == "a, b, c"
    assert few(["a", "b", "c", "d", "e", "f"]) == "a, b, c, d, and 2 more"
    assert few(["a", "b", "c"], most=1, separator="; ") == "a; and 2 more"
