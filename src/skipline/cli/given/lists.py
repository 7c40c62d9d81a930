"""Lists and choices as they are typed: `8,20,56`, `plain,residual`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from skipline.cli.exits import UsageError

Choice = TypeVar("Choice", bound=str)


def parts(text: str) -> list[str]:
    """What stands between the commas, those within brackets being no such commas."""
    found, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth <= 0:
            found.append("")
        else:
            found[-1] += letter
    return [part.strip() for part in found]


def whole_numbers(flag: str, text: str) -> tuple[int, ...]:
    """The numbers of a list; raises `UsageError` that names the flag."""
    found = parts(text)
    if not all(part.isascii() and part.isdigit() for part in found):
        raise UsageError(f"{flag} is {text!r}; expected whole numbers with commas between them, e.g. {flag} 0,1,2.")
    return tuple(map(int, found))


def one_of(flag: str, text: str, choices: Sequence[Choice]) -> Choice:
    """`text` as one of `choices`; raises `UsageError` that names the flag."""
    for choice in choices:
        if choice == text:
            return choice
    raise UsageError(f"{flag} has {text!r}; expected {' or '.join(map(repr, choices))}.")
