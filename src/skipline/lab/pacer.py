"""A pacer: long work in slices, so that it can be left, shown on its way, and wait while others have their turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")
SLICE_SECONDS = 0.1  # of work between two frames: guessed, so that a page looks alive and little time goes to turns


class Pacer:
    """Runs work in a thread of its own that goes on only while whoever waits for `run` asks for more.

    The work calls `between` wherever it can be left. There it waits for its next slice, and there whatever the
    `between` handed in raises (`Superseded`) ends it.
    """

    def __init__(self, between: Callable[[], None]) -> None:
        self._asked = between
        self._slices = _Slices[Any]()

    def between(self) -> None:
        """To be called by the work, in its thread."""
        self._asked()
        self._slices.pause()

    def run(self, work: Callable[[], T], *, show: Callable[[], dict[str, Any]]) -> Generator[dict[str, Any], None, T]:
        """What `work` returns; until then `show()` after every slice. What the work raises is raised here.

        A generator that is closed before its end ends the work at its next `between`.
        """
        slices = self._slices = _Slices[T]()
        thread = threading.Thread(target=slices.run, args=(work,), name="lab-work", daemon=True)
        thread.start()
        try:
            while slices.turn():
                yield show()
        finally:
            slices.leave()
            thread.join()
        return slices.result()


def left_open(work: Generator[dict[str, Any], None, T]) -> Generator[dict[str, Any], None, T]:
    """`work` as a generator that leaves it where it is when it is closed itself, so that another can go on with it."""
    while True:
        try:
            shown = next(work)
        except StopIteration as end:
            return end.value
        yield shown


class _Left(BaseException):
    """Nobody waits for the work any more."""


class _Slices(Generic[T]):
    """One piece of work and whose turn it is: the work's (`go`) or that of whoever waits for it (`back`)."""

    def __init__(self) -> None:
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._began = 0.0
        self._is_left = False
        self._is_over = False
        self._found: list[T] = []
        self._error: BaseException | None = None

    def run(self, work: Callable[[], T]) -> None:
        self._go.acquire()
        self._began = time.perf_counter()
        try:
            if not self._is_left:
                self._found.append(work())
        except _Left:
            pass
        except BaseException as error:
            self._error = error
        self._is_over = True
        self._back.release()

    def pause(self) -> None:
        if self._began == 0 or time.perf_counter() - self._began < SLICE_SECONDS:
            return
        self._back.release()
        self._go.acquire()
        if self._is_left:
            raise _Left
        self._began = time.perf_counter()

    def turn(self) -> bool:
        """Let the work have a slice; whether there is more of it."""
        self._go.release()
        self._back.acquire()
        return not self._is_over

    def leave(self) -> None:
        if not self._is_over:
            self._is_left = True
            self._go.release()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._found[0]
