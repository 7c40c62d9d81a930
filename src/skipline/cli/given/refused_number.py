"""What was typed where an option takes a number, and cannot be one: said in the words of all other messages."""

from __future__ import annotations

from typing import Any

import typer

from skipline.wording import shown, whole_example

_WHOLE = {"int_parsing", "int_parsing_size", "int_from_float", "int_type"}
_REAL = {"float_parsing", "float_type"}
_AT_LEAST, _AT_MOST = "greater_than_equal", "less_than_equal"


def refused_number(error: typer.BadParameter) -> str:
    """The option, what was typed for it and what was expected; "" where `error` is of something else than a number.

    pydantic's error behind it tells what was typed, which typer's own sentence does not.
    """
    from pydantic import ValidationError

    if not isinstance(error.__cause__, ValidationError) or error.param is None:
        return ""
    first = error.__cause__.errors(include_url=False)[0]
    name = max((*error.param.opts, error.param.name or ""), key=len)
    expected = _expected(first["type"], first.get("ctx", {}), first["input"], name)
    return f"{name} is {_typed(first['input'])}; expected {expected}." if expected else ""


def _expected(kind: str, limits: dict[str, Any], value: object, name: str) -> str:
    if kind in _WHOLE:
        return f"a whole number{whole_example(value, f'{name} ')}"
    if kind in _REAL:
        return "a number"
    if kind == _AT_LEAST:
        return f"at least {limits['ge']:g}"
    return f"at most {limits['le']:g}" if kind == _AT_MOST else ""


def _typed(value: object) -> str:
    """A number bare, as other messages show numbers; what is none in quotes."""
    try:
        float(str(value))
    except ValueError:
        return shown(value)
    return shown(value).strip("'")
