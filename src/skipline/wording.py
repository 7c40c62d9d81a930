"""Words of messages: a refused value in short, the nearest thing that may have been meant, the beginning of a list."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

LIKE = 0.6  # Ratcliff and Obershelp's likeness from which on a word may be meant: difflib's own value
_LONGEST_SHOWN = 60  # characters of a refused value in a message: guessed, one line of a terminal
_MOST_SHOWN = 4  # entries of a list in a message: guessed, what fits a screen


def did_you_mean(word: str, choices: Iterable[str], *, least: float = LIKE) -> str:
    """` Did you mean 'x'?` with the closest of `choices`, or nothing if none is at least so close, from 0 to 1."""
    close = closest(word, choices, least=least)
    return f" Did you mean {close!r}?" if close else ""


def closest(word: str, choices: Iterable[str], *, least: float = LIKE) -> str:
    """The one of `choices` that is most like `word`; none, "", where all are less like it than `least`."""
    close = difflib.get_close_matches(word[:_LONGEST_SHOWN], list(choices), n=1, cutoff=least)
    return close[0] if close else ""


def shown(value: object) -> str:
    """`value` as a message shows it: short, whatever it is."""
    match value:
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
        case int() if abs(value) > 10**_LONGEST_SHOWN:
            return f"a number of {value.bit_length()} bits"
        case str() if len(value) > _LONGEST_SHOWN:
            return repr(value[:_LONGEST_SHOWN]) + "…"
        case _:
            return repr(value)


def few(parts: Sequence[str], *, most: int = _MOST_SHOWN, separator: str = ", ") -> str:
    """The first `most` of `parts`, and how many more there are: `a, b, and 3 more`."""
    more = f"{separator}and {len(parts) - most} more" if len(parts) > most else ""
    return separator.join(parts[:most]) + more
