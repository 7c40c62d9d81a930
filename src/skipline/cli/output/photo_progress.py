"""How far reading photos has come: a bar on a terminal, a line now and then elsewhere; on stderr."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_LINE_SECONDS = 10.0  # between two lines where there is no terminal
_BAR_SECONDS = 0.1


class PhotoProgress:
    """Shows how many photos have been read; use it as a context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_terminal = console.is_terminal and not console.is_dumb_terminal
        columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task("reading", total=None)
        self._start = self._shown = time.monotonic()

    def __enter__(self) -> PhotoProgress:
        if self._is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_terminal:
            self._bar.stop()

    def show(self, done: int, num: int) -> None:
        """`done` of `num` photos have been read."""
        now = time.monotonic()
        if self._is_terminal:
            if now - self._shown >= _BAR_SECONDS or done == num:
                self._shown = now
                self._bar.update(self._task, completed=done, total=num)
        elif now - self._shown >= _LINE_SECONDS:
            self._shown = now
            speed = done / (now - self._start)
            self._console.print(f"read {done:,} of {num:,} photos, {speed:,.0f} a second", highlight=False)
