"""Ctrl-C: the first one asks the run to stop after its step, the second ends the process at once."""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)  # Ctrl-C; and what `kill` and job systems send
_STDERR = 2  # its file descriptor, on every system
STOPPING = "stopping after this step; once more to end at once, without a checkpoint"


class StopRequest:
    """Whether someone has asked the run to stop. As a context it takes the signals over; in the main thread only.

    `is_told`: whether it says so when it is asked; of several processes one is enough.
    """

    def __init__(self, *, is_told: bool = True) -> None:
        self._is_told = is_told
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopRequest:
        self._before = {number: signal.signal(number, self._ask) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """Whether to stop now."""
        return self._asked

    def leave_word(self) -> None:
        """From now on someone else says it: a live table would draw over the sentence."""
        self._is_told = False

    def _ask(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        # Past Python's buffer: the signal may have come while that was written, and it cannot be entered twice.
        if self._is_told:
            os.write(_STDERR, f"\n{STOPPING}\n".encode("ascii"))
