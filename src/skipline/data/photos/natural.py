"""Natural order and sameness of names: 2 before 10, and one name however its accents are stored."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import TypeAlias

NaturalKey: TypeAlias = tuple[tuple[str | tuple[int, str], ...], str]


@functools.lru_cache(maxsize=2**16)  # the folders in paths come again and again
def natural_key(name: str) -> NaturalKey:
    """What to sort names by: numbers in them by value, letters without regard to case, and no two names alike."""
    pieces = re.split("([0-9]+)", normal(name).casefold())
    # Digits stand at the odd places. By length, then as text: int() refuses numbers of thousands of digits.
    keys = tuple(_by_value(piece) if place % 2 else piece for place, piece in enumerate(pieces))
    return keys, name


def path_key(name: str) -> tuple[NaturalKey, ...]:
    """`natural_key` of each part of a path with "/"."""
    return tuple(map(natural_key, name.split("/")))


def normal(name: str) -> str:
    """`name` in Unicode's form NFC: macOS stores é as e and an accent, most others as one character."""
    return unicodedata.normalize("NFC", name)


def likeness(name: str) -> str:
    """What two names have in common that a person would take for one: case, spaces around, - and _ for a space."""
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", name).casefold()).strip()


def _by_value(digits: str) -> tuple[int, str]:
    significant = digits.lstrip("0")
    return len(significant), significant
