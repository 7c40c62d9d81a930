"""What a recipe refuses, in words."""

from __future__ import annotations

import math


class RecipeError(ValueError):
    """A recipe that cannot be run; the message names the setting, what came, what was expected and the remedy."""


def require_real(setting: str, value: float, *, low: float, high: float) -> None:
    """Refuse `value` unless it is a number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or not low <= value <= high:
        raise RecipeError(f"{setting} is {value!r}; expected a number in [{low:g}, {high:g}].")


def require_count(setting: str, value: int, *, least: int) -> None:
    """Refuse `value` unless it is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise RecipeError(f"{setting} is {value!r}; expected a whole number of at least {least}.")


def require_choice(setting: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse `value` unless it is one of `choices`."""
    if value not in choices:
        raise RecipeError(f"{setting} is {value!r}; expected one of {', '.join(map(repr, choices))}.")
