"""Words of messages: what is refused and what would do, the nearest thing that may be meant, the beginning of a list.

The functions that refuse take the error to raise, and the name by which a person knows the value: `Stem.kernel` in a
description, `optimiser.momentum` in a recipe. So the same fault is said in the same words wherever it is made.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import TypeGuard

LIKE = 0.6  # Ratcliff and Obershelp's likeness from which on a word may be meant: difflib's own value
_LONGEST_SHOWN = 60  # characters of a refused value in a message: guessed, one line of a terminal
_LARGEST_EXAMPLE = 1e15  # guessed: any count that somebody means; floats below 2**53 hold whole numbers exactly
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


def whole_example(value: object, before: str = "") -> str:
    """`, e.g. 2` for 1.5, with `before` before it: the nearest whole number of at least 1; "" for what is no number."""
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return ""
    return f", e.g. {before}{max(1, round(number))}" if abs(number) < _LARGEST_EXAMPLE else ""  # NaN is not


def few(parts: Sequence[str], *, most: int = _MOST_SHOWN, separator: str = ", ") -> str:
    """The first `most` of `parts`, and how many more there are: `a, b, and 3 more`."""
    more = f"{separator}and {len(parts) - most} more" if len(parts) > most else ""
    return separator.join(parts[:most]) + more


def require_choice(error: type[ValueError], name: str, value: object, choices: Iterable[str]) -> None:
    """Refuse `value` unless it is one of `choices`, naming the closest one."""
    allowed = list(choices)
    if isinstance(value, str) and value in allowed:
        return
    hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
    raise error(f"{name} is {shown(value)}; expected one of {', '.join(map(repr, allowed))}.{hint}")


def require_count(error: type[ValueError], name: str, value: object, *, least: int = 1, most: float = math.inf) -> None:
    """Refuse `value` unless it is a whole number in [least, most]."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return
    expected = f"most {most}" if isinstance(value, int) and value > most else f"least {least}"
    raise error(f"{name} is {shown(value)}; expected a whole number of at {expected}.{_nearest(value, least, most)}")


def require_real(error: type[ValueError], name: str, value: object, interval: str) -> None:
    """Refuse `value` unless it is a number in `interval`, which is written as in mathematics: "[0, 1)", "(0, inf]"."""
    low, high = map(float, interval[1:-1].split(","))
    if (
        _is_number(value)
        and low <= value <= high  # NaN is not
        and not (value == low and interval[0] == "(")
        and not (value == high and interval[-1] == ")")
    ):
        return
    nearest = _nearest(value, low if interval[0] == "[" else -math.inf, high if interval[-1] == "]" else math.inf)
    raise error(f"{name} is {shown(value)}; expected a number in {interval}.{nearest}")


def require_limit(error: type[ValueError], name: str, value: object) -> None:
    """Refuse `value` unless it is a whole number of at least 1, or ∞ for no limit."""
    if _is_number(value) and value >= 1 and (value == math.inf or value == int(value)):  # NaN is not
        return
    raise error(f"{name} is {shown(value)}; expected a whole number of at least 1, or inf for none.")


def require_switch(error: type[ValueError], name: str, value: object) -> None:
    """Refuse `value` unless it is true or false."""
    if not isinstance(value, bool):
        raise error(f"{name} is {shown(value)}; expected true or false.")


def require_kind(error: type[ValueError], name: str, value: object, kinds: tuple[type, ...]) -> None:
    """Refuse `value` unless it is an instance of one of `kinds`."""
    if not isinstance(value, kinds):
        names = ", ".join(f"{kind.__name__}(…)" for kind in kinds)
        raise error(f"{name} is {shown(value)}; expected {'one of ' if len(kinds) > 1 else ''}{names}.")


def _nearest(value: object, least: float, most: float) -> str:
    """The closer end, where a number lies beyond one."""
    if not _is_number(value):
        return ""
    nearest = least if value < least else most if value > most else math.nan  # NaN lies beyond neither
    return f" The nearest valid value is {nearest:.10g}." if math.isfinite(nearest) else ""


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
