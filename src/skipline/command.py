"""The next command: what a message tells a person to type."""

from __future__ import annotations

import shlex
from pathlib import Path


def command(*words: str | Path) -> str:
    """`skipline` and `words` as a shell reads them back, blanks in paths and all: `skipline resume 'my runs/a'`."""
    return shlex.join(["skipline", *map(str, words)])
