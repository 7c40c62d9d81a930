"""Whether what is to be read is there at all, asked before anything is imported that could read it."""

from __future__ import annotations

from pathlib import Path

from skipline.cli.exits import FileError
from skipline.cli.given.names import SOURCES
from skipline.wording import did_you_mean


def require_source(source: str) -> None:
    """Refuse a `source` that is neither a data set's name nor a path; nothing, which is not given, passes."""
    if source and source not in SOURCES and not Path(source).exists():
        here = "" if Path(source).is_absolute() else f"; the current folder is {Path.cwd()}"
        raise FileError(
            f"{source!r} is neither a data set nor an existing path{here}."
            f"{did_you_mean(source.lower(), SOURCES)} Data sets: {', '.join(SOURCES)}. Try: skipline train digits"
        )
