"""Words of messages."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import skipline
from skipline.spec import SpecError
from skipline.train import RecipeError
from skipline.wording import (
    did_you_mean,
    few,
    require_choice,
    require_count,
    require_kind,
    require_limit,
    require_real,
    require_switch,
    shown,
)

Refuse = Callable[[type[ValueError]], None]

MESSAGES: list[tuple[Refuse, str]] = [
    (
        lambda error: require_choice(error, "Branch.kind", "botleneck", ("basic", "bottleneck")),
        "Branch.kind is 'botleneck'; expected one of 'basic', 'bottleneck'. Did you mean 'bottleneck'?",
    ),
    (
        lambda error: require_choice(error, "Branch.kind", ["basic"], ("basic", "bottleneck")),
        "Branch.kind is a list; expected one of 'basic', 'bottleneck'.",
    ),
    (lambda error: require_count(error, "Head.n", 2.0), "Head.n is 2.0; expected a whole number of at least 1."),
    (lambda error: require_count(error, "Head.n", True), "Head.n is True; expected a whole number of at least 1."),
    (
        lambda error: require_count(error, "Head.n", 0),
        "Head.n is 0; expected a whole number of at least 1. The nearest valid value is 1.",
    ),
    (
        lambda error: require_count(error, "Head.n", 2000000, most=1048576),
        "Head.n is 2000000; expected a whole number of at most 1048576. The nearest valid value is 1048576.",
    ),
    (
        lambda error: require_count(error, "Head.n", 10**5000, most=1048576),
        "Head.n is a number of 16610 bits; expected a whole number of at most 1048576. "
        "The nearest valid value is 1048576.",
    ),
    (
        lambda error: require_real(error, "Norm.epsilon", float("nan"), "[0, 1]"),
        "Norm.epsilon is nan; expected a number in [0, 1].",
    ),
    (
        lambda error: require_real(error, "Norm.epsilon", "small", "[0, 1]"),
        "Norm.epsilon is 'small'; expected a number in [0, 1].",
    ),
    (
        lambda error: require_real(error, "Norm.epsilon", True, "[0, 1]"),
        "Norm.epsilon is True; expected a number in [0, 1].",
    ),
    (
        lambda error: require_real(error, "Norm.epsilon", 1.5, "[0, 1]"),
        "Norm.epsilon is 1.5; expected a number in [0, 1]. The nearest valid value is 1.",
    ),
    (
        lambda error: require_real(error, "Norm.epsilon", -(10**400), "[0, 1]"),
        "Norm.epsilon is a number of 1329 bits; expected a number in [0, 1]. The nearest valid value is 0.",
    ),
    (
        lambda error: require_kind(error, "Stage.block", "x", (int, float)),
        "Stage.block is 'x'; expected one of int(…), float(…).",
    ),
    (
        lambda error: require_real(error, "momentum", 1.0, "[0, 1)"),
        "momentum is 1.0; expected a number in [0, 1).",
    ),
    (
        lambda error: require_real(error, "rate", 0, "(0, inf)"),
        "rate is 0; expected a number in (0, inf).",
    ),
    (
        lambda error: require_limit(error, "steps", 1.5),
        "steps is 1.5; expected a whole number of at least 1, or inf for none.",
    ),
    (
        lambda error: require_limit(error, "steps", 0),
        "steps is 0; expected a whole number of at least 1, or inf for none.",
    ),
    (lambda error: require_switch(error, "flip", 1), "flip is 1; expected true or false."),
    (lambda error: require_kind(error, "head", 10, (str,)), "head is 10; expected str(…)."),
]


@pytest.mark.parametrize("error", [SpecError, RecipeError])
@pytest.mark.parametrize(("refuse", "message"), MESSAGES)
def test_a_refusal_says_what_came_and_what_would_do(refuse: Refuse, message: str, error: type[ValueError]) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        refuse(error)


def test_what_is_valid_passes() -> None:
    require_choice(ValueError, "kind", "basic", ("basic", "bottleneck"))
    require_count(ValueError, "n", 1)
    require_count(ValueError, "n", 0, least=0)
    require_count(ValueError, "n", 8, most=8)
    require_real(ValueError, "epsilon", 0, "[0, 1]")
    require_real(ValueError, "clip", math.inf, "(0, inf]")
    require_limit(ValueError, "steps", math.inf)
    require_switch(ValueError, "flip", False)
    require_kind(ValueError, "block", 1, (int,))


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
