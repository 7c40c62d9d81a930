"""A page on disk, whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from skipline.report.error import ReportError


def write_page(path: Path, html: str) -> None:
    """Write ``html`` to ``path`` under a temporary name beside it, sync it, and rename it into place.

    What stood there stays untouched until the new page is whole. Raises ReportError where the folder is missing,
    read-only or full; nothing is left behind then.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            file.write(html)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _failed(path, error) from error
        raise
    _sync_folder(path.parent)


def _failed(path: Path, error: OSError) -> ReportError:
    return ReportError(
        f"{path}: cannot be written: {error.strerror}. Make room or leave to write in {path.parent}, "
        "or give another path; the page that was there, if any, is as it was"
    )


def _sync_folder(folder: Path) -> None:
    """Make the new name itself last through a power cut; only where folders can be opened, as on POSIX."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
