"""Sentences in lines of a terminal."""

from __future__ import annotations

import textwrap


def filled(text: str, width: int, *, indent: str) -> str:
    """`text` in lines of fewer than `width` columns, no number at the end of one and its % at the start of the next."""
    bound = text.replace(" %", "\N{NO-BREAK SPACE}%")
    return textwrap.fill(bound, width - 1, initial_indent=indent, subsequent_indent=indent)
