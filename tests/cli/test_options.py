"""Options that several verbs share are said once."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

import skipline

from ..sources import last_name
from .conftest import Command


def test_no_help_is_written_twice() -> None:
    helps: Counter[str] = Counter()
    for file in Path(skipline.__file__).with_name("cli").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                said = [word.value for word in node.keywords if word.arg == "help"]
                said += node.args[:1] if last_name(node.func) in ("_option", "option", "number") else []
                helps.update(str(text.value) for text in said if isinstance(text, ast.Constant))
    assert len(helps) > 100
    assert [text for text, num in helps.items() if num > 1] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "digits", "--epochs", "1.5"), "--epochs is 1.5; expected a whole number, e.g. --epochs 2."),
        (("train", "digits", "--epochs", "two"), "--epochs is 'two'; expected a whole number."),
        (
            ("train", "digits", "--batch-size", "1e3"),
            "--batch-size is 1e3; expected a whole number, e.g. --batch-size 1000.",
        ),
        (("train", "digits", "--mixup", "0,2"), "--mixup is '0,2'; expected a number."),
        (("train", "digits", "--max-unusable", "3"), "--max-unusable is 3; expected at most 1."),
        (("predict", "model", "photos", "--top", "0"), "--top is 0; expected at least 1."),
        (("study", "depth", "--epochs", "0.2"), "--epochs is 0.2; expected a whole number, e.g. --epochs 1."),
        (("train", "digits", "--set", "epochs=1.5"), "epochs is 1.5; expected a whole number, e.g. 2."),
        (("train", "digits", "--set", "epochs=inf"), "epochs is inf; expected a whole number."),
        (("train", "digits", "--set", "epochs=true"), "epochs is True; expected a whole number."),
    ],
)
def test_what_is_no_such_number_is_told_in_the_words_of_the_house(
    skipline: Command, arguments: tuple[str, ...], said: str
) -> None:
    """typer's own message was pydantic's, in a box, and did not say what was typed."""
    ended = skipline(*arguments)
    assert (ended.code, ended.out, ended.err) == (2, "", f"error: {said}\n")


def test_a_file_of_settings_and_the_environment_are_told_the_same(
    skipline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.toml").write_text("epochs = 1.5\n")
    ended = skipline("train", "digits", "--config", "a.toml")
    assert (ended.code, ended.err) == (2, "error: epochs is 1.5; expected a whole number, e.g. 2.\n")
    monkeypatch.setenv("SKIPLINE_EPOCHS", "1.5")
    ended = skipline("train", "digits")
    assert (ended.code, ended.err) == (2, "error: epochs is '1.5'; expected a whole number, e.g. 2.\n")


def test_what_else_is_wrong_with_a_command_is_told_as_before(skipline: Command) -> None:
    ended = skipline("train", "--foo")
    assert ended.code == 2
    assert "No such option: --foo" in ended.err
