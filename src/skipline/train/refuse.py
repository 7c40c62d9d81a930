"""What a recipe refuses, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable

from skipline.wording import did_you_mean


class RecipeError(ValueError):
    """A recipe that cannot be run; the message names the setting, what came, what was expected and the remedy."""


def require_real(setting: str, value: object, interval: str) -> None:
    """Refuse `value` unless it is a number in `interval`, which is written as in mathematics: "[0, 1)", "(0, inf]"."""
    low, high = map(float, interval[1:-1].split(","))
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not low <= value <= high  # so that NaN is refused
        or (value == low and interval[0] == "(")
        or (value == high and interval[-1] == ")")
    ):
        raise RecipeError(f"{setting} is {value!r}; expected a number in {interval}.")


def require_count(setting: str, value: object, *, least: int) -> None:
    """Refuse `value` unless it is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise RecipeError(f"{setting} is {value!r}; expected a whole number of at least {least}.")


def require_limit(setting: str, value: object) -> None:
    """Refuse `value` unless it is a whole number of at least 1, or ∞ for no limit."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not value >= 1  # so that NaN is refused
        or (math.isfinite(value) and value != int(value))
    ):
        raise RecipeError(f"{setting} is {value!r}; expected a whole number of at least 1, or inf for none.")


def require_switch(setting: str, value: object) -> None:
    """Refuse `value` unless it is true or false."""
    if not isinstance(value, bool):
        raise RecipeError(f"{setting} is {value!r}; expected true or false.")


def require_choice(setting: str, value: object, choices: Iterable[str]) -> None:
    """Refuse `value` unless it is one of `choices`, naming the closest one."""
    allowed = list(choices)
    if not isinstance(value, str) or value not in allowed:
        expected = ", ".join(map(repr, allowed))
        raise RecipeError(f"{setting} is {value!r}; expected one of {expected}.{did_you_mean(str(value), allowed)}")


def require_record(setting: str, value: object, kinds: tuple[type, ...]) -> None:
    """Refuse `value` unless it is one of the records `kinds`."""
    if not isinstance(value, kinds):
        names = ", ".join(f"{kind.__name__}(…)" for kind in kinds)
        raise RecipeError(f"{setting} is {value!r}; expected one of {names}.")
