"""A list in a message: its beginning, and how much more there is."""

from __future__ import annotations

from collections.abc import Sequence

_MOST_SHOWN = 4  # names in a message: guessed, what fits a screen


def few(parts: Sequence[str], *, most: int = _MOST_SHOWN, separator: str = ", ") -> str:
    """The first `most` of `parts`, and how many more there are: `a, b, and 3 more`."""
    more = f"{separator}and {len(parts) - most} more" if len(parts) > most else ""
    return separator.join(parts[:most]) + more
