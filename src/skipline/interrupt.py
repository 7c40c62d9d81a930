"""Ctrl-C, held back while processes are started."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def interrupt_held_back() -> Iterator[None]:
    """Hold back Ctrl-C: here until the block ends, and for good in a process that is started in it.

    Without it Ctrl-C would end a worker that is still importing with a traceback of its own; on Windows, which cannot
    hold signals back, it does.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
