"""Whether what is to be read is there at all, asked before anything is imported that could read it."""

from __future__ import annotations

from pathlib import Path

from skipline.cli.exits import FileError
from skipline.cli.names import SOURCES
from skipline.spec.check import did_you_mean


def require_source(source: str) -> None:
    """Refuse a ``source`` that is neither a data set's name nor a path; nothing, which is not given, passes."""
    if source and source not in SOURCES and not Path(source).exists():
        raise FileError(
            f"there is no source {source!r}: neither the name of a data set nor a path that exists."
            f"{did_you_mean(source.lower(), SOURCES)} Names: {', '.join(SOURCES)}."
        )
