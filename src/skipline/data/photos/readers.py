"""The processes that read photos side by side.

Processes and not threads: decoding a small JPEG is half Python (opening it alone takes 130 of 400 µs, measured on
photos of 128×128), which threads would do in turn, and a file made to break a decoder ends a process of ours and not
the program. They are spawned, as a study's are, and import no torch.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from skipline.data.photos.decode import Unusable
from skipline.interrupt import interrupt_held_back

FILE_SECONDS = 60.0  # guessed: the largest image allowed takes a few seconds
_CHUNK = 32  # guessed: names sent at a time; the wait between two chunks is then below one per cent
_START_SECONDS = 120.0  # guessed: an import from a slow disk
_END_SECONDS = 5.0
_POLL_SECONDS = 0.5


Answer = TypeVar("Answer")


class ReadersError(RuntimeError):
    """A process that could not even begin."""


@dataclass(eq=False)
class _Worker:
    """A process, its pipe, the indices that it has still to answer for, and when it was last heard of."""

    process: BaseProcess
    pipe: Connection
    is_ready: bool = False
    owed: deque[int] = field(default_factory=deque)
    heard: float = field(default_factory=time.monotonic)


class Readers(Generic[Answer]):
    """`num` processes that read photos; use it as a context: when it ends, however it ends, they are gone.

    `job` is what they do with a photo, by its root and name, e.g. `partial(read_fact, limits=LOCAL)`; it is sent to
    them, and never raises for what a file holds.
    """

    def __init__(
        self, num: int, *, job: Callable[[Path, str], Answer | Unusable], file_seconds: float = FILE_SECONDS
    ) -> None:
        self._num = num
        self._job = job
        self._file_seconds = file_seconds
        self._workers: list[_Worker] = []

    def __enter__(self) -> Readers[Answer]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join(_END_SECONDS)
            worker.pipe.close()
        self._workers.clear()

    def read(self, root: Path, names: Sequence[str]) -> Iterator[tuple[int, Answer | Unusable]]:
        """The index of every name, each once, with the job's answer for that photo; in no particular order.

        A file that ends its process, or takes longer than `file_seconds`, is unusable, and reading goes on. Raises
        ReadersError where a process cannot begin.
        """
        waiting, left = deque(range(len(names))), len(names)
        for _ in range(min(self._num, -(-left // _CHUNK))):
            self._start(root)
        while left:
            for worker in self._due():
                answer = self._receive(worker)
                if isinstance(answer, str):  # it cannot go on, and says why
                    self._dismiss(worker)
                    if worker.owed:
                        lost = worker.owed.popleft()
                        waiting.extendleft(reversed(worker.owed))
                        left -= 1
                        yield lost, Unusable(names[lost], "broken", answer)
                    if waiting:
                        self._start(root)
                    continue
                if answer is not None:
                    left -= 1
                    yield worker.owed.popleft(), answer
                if not worker.owed and waiting:
                    _send(worker, [waiting.popleft() for _ in range(min(_CHUNK, len(waiting)))], names)

    def _start(self, root: Path) -> None:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_read_on_demand, args=(theirs, root, self._job), daemon=True)
        with interrupt_held_back():
            process.start()
        theirs.close()  # so that reading ends when the worker does
        self._workers.append(_Worker(process, ours))

    def _due(self) -> list[_Worker]:
        """The workers that have something to say, have ended, or have been silent for too long."""
        speaking = set(wait([worker.pipe for worker in self._workers], timeout=_POLL_SECONDS))
        now = time.monotonic()
        return [
            worker for worker in self._workers if worker.pipe in speaking or now - worker.heard > self._patience(worker)
        ]

    def _patience(self, worker: _Worker) -> float:
        if not worker.is_ready:
            return _START_SECONDS
        return self._file_seconds if worker.owed else math.inf

    def _receive(self, worker: _Worker) -> Answer | Unusable | str | None:
        """What a worker says of the next photo it owes; None from one that is ready, and text where it has ended."""
        try:
            if not worker.pipe.poll() and worker.is_ready:
                return f"decoding it took more than {self._file_seconds:.0f} s, and was given up"
            said: Answer | Unusable | None = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(_END_SECONDS)
            if not worker.is_ready:
                raise ReadersError(
                    f"a process that reads photos ended before it began (exit code {worker.process.exitcode}). Memory "
                    "may have run out: use fewer processes (num_processes=1; in skipline check and predict --jobs 1). "
                    "A script that starts such processes must do so under: if __name__ == '__main__'."
                ) from None
            return _ending(worker.process.exitcode)
        worker.heard = time.monotonic()
        worker.is_ready = True
        return said

    def _dismiss(self, worker: _Worker) -> None:
        worker.process.kill()
        worker.process.join(_END_SECONDS)
        worker.pipe.close()
        self._workers.remove(worker)


def _send(worker: _Worker, indices: list[int], names: Sequence[str]) -> None:
    worker.owed.extend(indices)
    worker.heard = time.monotonic()
    with contextlib.suppress(OSError):  # a worker that has died is noticed when it is read from
        worker.pipe.send([names[index] for index in indices])


def _ending(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"the process that decoded it ended with exit code {exit_code}"
    return f"the process that decoded it was ended by {signal.Signals(-exit_code).name}; memory may have run out"


def _read_on_demand(pipe: Connection, root: Path, job: Callable[[Path, str], object]) -> None:
    """What a worker does: say that it is ready, then answer each list of names one by one, until it is shut."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)  # libtiff and others write on stderr what we say in our own words
    with contextlib.suppress(EOFError, OSError):  # nobody asks any more
        pipe.send(None)
        while True:
            for name in pipe.recv():
                pipe.send(job(root, name))
