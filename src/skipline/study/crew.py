"""The processes that train a study's cells side by side, seen from the one that asks for it."""

from __future__ import annotations

import contextlib
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import cast

from skipline.interrupt import interrupt_held_back
from skipline.study.cell import Cell
from skipline.study.error import CellError
from skipline.study.result import Result
from skipline.study.training import Running
from skipline.study.worker import Errand, Message, Order, work

_END_SECONDS = 5.0  # guessed: a process that has closed its pipe or been killed is gone long before


class Crew:
    """`num` worker processes with the same errand; use it as a context: when it ends, however it ends, they are gone.

    Processes are spawned, not forked: a fork of a process in which PyTorch has run threads can hang.
    """

    def __init__(self, num: int, errand: Errand) -> None:
        self._num = num
        self._errand = errand
        self._processes: dict[Connection, BaseProcess] = {}

    def __enter__(self) -> Crew:
        context = get_context("spawn")
        try:
            for _ in range(self._num):
                ours, theirs = context.Pipe()
                process = context.Process(target=work, args=(theirs, self._errand), daemon=True)
                with interrupt_held_back():
                    process.start()
                self._processes[ours] = process
                theirs.close()  # so that reading ends when the worker does
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def train(self, orders: Sequence[Order]) -> Iterator[tuple[Cell, Running | Result]]:
        """Have all cells trained, begun in this order, and give what is heard of them as it comes.

        Raises what a worker raised, with the cell's name in its message, and `CellError` where one was killed.
        """
        waiting = deque(orders)
        busy: dict[Connection, Cell] = {}
        for connection in self._processes:
            _send_next(connection, waiting, busy)
        while busy:
            for connection in _readable(busy):
                cell = busy[connection]
                message = self._receive(connection, cell)
                if isinstance(message, Exception):
                    raise message
                yield cell, message
                if isinstance(message, Result):
                    del busy[connection]
                    _send_next(connection, waiting, busy)

    def _receive(self, connection: Connection, cell: Cell) -> Message:
        try:
            return connection.recv()
        except (EOFError, ConnectionError):
            process = self._processes[connection]
            process.join(_END_SECONDS)
            raise CellError(f"{cell.title}: {_ending(process.exitcode)}") from None

    def _end(self) -> None:
        for process in self._processes.values():
            process.kill()
        for connection, process in self._processes.items():
            process.join(_END_SECONDS)
            connection.close()
        self._processes.clear()


def _send_next(connection: Connection, waiting: deque[Order], busy: dict[Connection, Cell]) -> None:
    order = waiting.popleft() if waiting else None
    with contextlib.suppress(BrokenPipeError):  # a worker that has died is noticed when it is read from
        connection.send(order)
    if order is not None:
        busy[connection] = order.cell


def _readable(connections: Iterable[Connection]) -> list[Connection]:
    return cast("list[Connection]", wait(list(connections)))  # it gives back what it was given


def _ending(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"its process ended with exit code {exit_code} before the training did."
    return (
        f"its process was killed from outside ({signal.Signals(-exit_code).name}). If nobody did that, the machine may "
        "have run out of memory: train fewer networks at a time, with --jobs 1."
    )
