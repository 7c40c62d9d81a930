"""Options that several verbs share are said once."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import skipline

from ..sources import last_name


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
