"""Sentences in lines of a terminal."""

from __future__ import annotations

import re
import shutil
import textwrap

_BOUND = "\N{NO-BREAK SPACE}%"
_LABEL = re.compile(r"\s*\S+\s{2,}|\s+")  # what a line's text stands behind: `  cause      `, or blanks
_INDENT = 2  # columns, of what follows a line without a label
_LEAST_WIDTH = 40  # columns: guessed, a label and a few words
_UNBOUNDED = 10_000  # columns: more than any line has


def filled(text: str, width: int, *, indent: str) -> str:
    """`text` in lines of fewer than `width` columns, no number at the end of one and its % at the start of the next."""
    bound = text.replace(" %", _BOUND)
    return textwrap.fill(bound, width - 1, initial_indent=indent, subsequent_indent=indent)


def hung(text: str) -> str:
    """`text` with its long lines broken where the terminal ends, or COLUMNS says: the rest below a line's own text.

    Where stdout is no terminal and COLUMNS says nothing, the lines are as long as they come.
    """
    width = max(_LEAST_WIDTH, shutil.get_terminal_size((_UNBOUNDED, 0)).columns)
    return "\n".join(line if len(line) <= width else _hung(line, width) for line in text.split("\n"))


def _hung(line: str, width: int) -> str:
    label = _LABEL.match(line)
    indent = " " * (len(label[0]) if label else _INDENT)
    folded = textwrap.fill(line.replace(" %", _BOUND), width, subsequent_indent=indent, break_on_hyphens=False)
    return folded.replace(_BOUND, " %")
