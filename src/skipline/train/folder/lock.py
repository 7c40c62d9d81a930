"""The lock of a run folder: one process at a time trains a run."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from skipline.command import command
from skipline.files import storage_error
from skipline.store.run_files import LOCK
from skipline.train.folder.run_folder import RunError, RunFolder

if sys.platform != "win32":
    import fcntl

_LONGEST_NUMBER = 20  # digits of a 64-bit process number


@contextmanager
def locked(folder: RunFolder) -> Iterator[None]:
    """Hold the run at `folder` while the block lasts; the system lets go of it when the process dies.

    Raises `RunError` where somebody holds it, `StorageError` where the folder cannot be written. File systems and
    systems that cannot lock (Windows: untried) are not refused: there nothing is held.
    """
    path = folder.path / LOCK
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        _take(file, folder)
        yield
    finally:
        os.close(file)


def _take(file: int, folder: RunFolder) -> None:
    """Lock the open `file` and write this process's number into it, for the message that another one gives."""
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(file, _LONGEST_NUMBER, 0).decode("ascii", "replace").strip() or "unknown"
        raise RunError(
            f"{folder.path} is being trained by another process (number {holder}). Wait until it has ended, or stop it "
            f"there with Ctrl-C; then: {command('resume', folder.path)}"
        ) from None
    except OSError:  # a file system that cannot lock
        return
    with contextlib.suppress(OSError):
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode("ascii"), 0)
