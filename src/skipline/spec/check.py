"""What a description refuses, in words: what came, what was expected, and the nearest thing that is valid."""

from __future__ import annotations

import math
from collections.abc import Iterable

from skipline.wording import did_you_mean, shown

LARGEST_COUNT = 2**20  # guessed: beyond every channel, class and pixel count in use, and small enough to compute with


class SpecError(ValueError):
    """A description that no network can have; the message names the field, the reason and the nearest valid value."""


def require_choice(owner: str, field: str, value: object, choices: Iterable[str]) -> None:
    """Refuse `value` unless it is one of `choices`, naming the closest one."""
    allowed = list(choices)
    if isinstance(value, str) and value in allowed:
        return
    hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
    raise SpecError(f"{owner}.{field} is {shown(value)}; it must be one of {', '.join(map(repr, allowed))}.{hint}")


def require_count(owner: str, field: str, value: object, *, least: int = 1, most: int = LARGEST_COUNT) -> None:
    """Refuse `value` unless it is a whole number in [least, most]."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpecError(f"{owner}.{field} is {shown(value)}; it must be a whole number of at least {least}.")
    if value < least:
        raise SpecError(
            f"{owner}.{field} is {shown(value)}; it must be at least {least}. The nearest valid value is {least}."
        )
    if value > most:
        raise SpecError(
            f"{owner}.{field} is {shown(value)}; it must be at most {most}. The nearest valid value is {most}."
        )


def require_real(owner: str, field: str, value: object, *, low: float, high: float) -> None:
    """Refuse `value` unless it is a finite number in [low, high]."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (isinstance(value, float) and not math.isfinite(value)):
        raise SpecError(f"{owner}.{field} is {shown(value)}; it must be a finite number in [{low:g}, {high:g}].")
    assert isinstance(value, int | float)
    if not low <= value <= high:
        nearest = low if value < low else high
        raise SpecError(
            f"{owner}.{field} is {shown(value)}; it must lie in [{low:g}, {high:g}]. "
            f"The nearest valid value is {nearest:g}."
        )


def require_kind(owner: str, field: str, value: object, kinds: tuple[type, ...]) -> None:
    """Refuse `value` unless it is an instance of one of `kinds`."""
    if not isinstance(value, kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise SpecError(f"{owner}.{field} is {shown(value)}; it must be of type {names}.")


def require_divides(owner: str, divides: tuple[str, int], of: tuple[str, int]) -> None:
    """Refuse unless one number divides another, each given with the name of its field; names the nearest that does."""
    (divisor_field, divisor), (number_field, number) = divides, of
    if number % divisor:
        nearest = next(
            near
            for distance in range(1, divisor)
            for near in (divisor - distance, divisor + distance)
            if number % near == 0
        )
        raise SpecError(
            f"{owner}: {divisor_field}={divisor} does not divide {number_field}={number}; "
            f"the nearest value of {divisor_field} that does is {nearest}."
        )
