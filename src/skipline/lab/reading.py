"""Readers of what a page sends: a table of fields for each kind of object, and whatever else comes refused in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skipline.lab.error import LabError
from skipline.wording import did_you_mean, shown

Reader = Callable[[str, Any], Any]
"""From a field's name, as a message says it, and a value of JSON to what is meant; raises `LabError` for no such."""

MOST_TEXT = 100  # characters


def read_fields(document: Any, readers: Mapping[str, Reader], *, what: str, place: str = "") -> dict[str, Any]:
    """The fields that a JSON object says, each as its reader understands it.

    `what` is the object as a message names it, `a block`; `place` stands before the names of its fields where it lies
    inside another. Raises `LabError` for what is no object, and for a field that there is not.
    """
    if not isinstance(document, Mapping):
        raise LabError(f"{what} is an object; got {shown(document)}.")
    for key in document:
        if key not in readers:
            hint = did_you_mean(str(key), readers) or f" There are {', '.join(readers)}."
            raise LabError(f"{what} has no {shown(place + str(key))}.{hint}")
    return {key: readers[key](place + key, value) for key, value in document.items()}


def whole(low: int, high: int) -> Reader:
    """A whole number from `low` to `high`."""

    def read(key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise LabError(f"{key} is {shown(value)}; expected a whole number from {low} to {high}.")
        return value

    return read


def real(low: float, high: float) -> Reader:
    """A number from `low` to `high`."""

    def read(key: str, value: Any) -> float:
        if not _is_number(value) or not low <= value <= high:  # NaN is not
            raise LabError(f"{key} is {shown(value)}; expected a number from {low:g} to {high:g}.")
        return float(value)

    return read


def positive(high: float) -> Reader:
    """A number above 0, at most `high`."""

    def read(key: str, value: Any) -> float:
        if not _is_number(value) or not 0 < value <= high:  # NaN is not
            raise LabError(f"{key} is {shown(value)}; expected a number above 0, at most {high:g}.")
        return float(value)

    return read


def one_of(choices: Sequence[str]) -> Reader:
    """One of these words."""

    def read(key: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            hint = did_you_mean(value, choices) if isinstance(value, str) else ""
            raise LabError(f"{key} is {shown(value)}; expected one of {', '.join(choices)}.{hint}")
        return value

    return read


def short_text(key: str, value: Any) -> str:
    """Some text, not too long."""
    if not isinstance(value, str) or not value or len(value) > MOST_TEXT:
        raise LabError(f"{key} is {shown(value)}; expected text of at most {MOST_TEXT} characters.")
    return value


def several(read: Reader, *, most: int) -> Reader:
    """A list of at most `most` of what `read` reads."""

    def read_all(key: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > most:
            raise LabError(f"{key} is {shown(value)}; expected a list of at most {most}.")
        return tuple(read(f"{key}[{index}]", each) for index, each in enumerate(value))

    return read_all


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
