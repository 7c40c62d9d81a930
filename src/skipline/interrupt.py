"""Ctrl-C, held back while processes are started."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def interrupt_held_back() -> Iterator[None]:
    """Hold back Ctrl-C: here until the block ends, and for good in a process that is started in it.

    Without it Ctrl-C would end a worker that is still importing with a traceback of its own; on Windows, which cannot
    hold signals back, it does. The mask that a started process inherits is that of this thread alone: another thread
    may take the signal, and Python then calls the handler here, in the main thread. So that one waits too.
    """
    if sys.platform == "win32":
        yield
        return
    heard: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    waits = is_main and callable(handler)
    if waits:
        signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if waits:
            signal.signal(signal.SIGINT, handler)
        if heard:
            signal.raise_signal(signal.SIGINT)
