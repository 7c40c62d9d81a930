"""A worker: a process that trains cells one after another, and tells its parent how it goes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from skipline.allocator import keep_freed_memory
from skipline.data import DataError
from skipline.files import StorageError
from skipline.study.cell import Cell
from skipline.study.error import CellError
from skipline.study.images import Images
from skipline.study.result import Result
from skipline.study.training import Running, train_cell
from skipline.train import RecipeError, RunError, RunFolder
from skipline.train.memory.out_of_memory import is_out_of_memory

_TELLING = (DataError, RecipeError, RunError, StorageError)  # made from one sentence, which says what to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What every worker of a study is told once. `root` is the folder for run folders, `config` goes into each."""

    images: Images
    data_dir: Path
    root: Path
    device: str
    threads: int
    config: str


@dataclass(frozen=True, slots=True)
class Order:
    """One cell to train: in `run`, or where that is None in a new run folder."""

    cell: Cell
    run: RunFolder | None


def work(connection: Connection, errand: Errand) -> None:
    """The life of a worker: receive an `Order`, send `Running`s and a `Result`, until None comes.

    An exception is sent as it is, with the cell's name in front, and ends the worker. It ends, too, when its parent
    does, however that came about.
    """
    # Ctrl-C goes to all processes of a terminal; the parent ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    torch.set_num_threads(errand.threads)
    keep_freed_memory()
    dataset = None
    try:
        while (order := connection.recv()) is not None:
            try:
                dataset = dataset or errand.images.load(errand.data_dir)
                result = train_cell(
                    order.cell,
                    dataset,
                    run=order.run,
                    root=errand.root,
                    data_dir=errand.data_dir,
                    device=torch.device(errand.device),
                    config=errand.config,
                    show=connection.send,
                )
            except (EOFError, BrokenPipeError):
                raise
            except Exception as error:
                connection.send(told(error, order.cell))
                return
            connection.send(result)
    except (EOFError, BrokenPipeError):
        return  # the parent has gone


def told(error: Exception, cell: Cell) -> Exception:
    """`error`, met while training `cell`, as an exception that a pipe can carry and that names the cell."""
    message = f"{cell.title}: {error}"
    if isinstance(error, _TELLING):
        carried: Exception = type(error)(message)
    elif is_out_of_memory(error):
        carried = MemoryError(f"{message}. Train fewer networks at a time: --jobs 1.")
    else:
        carried = CellError(f"{cell.title}: {type(error).__name__}: {error}")
    carried.add_note("".join(traceback.format_exception(error)))
    return carried


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker is started by a study"

    def watch() -> None:
        parent.join()
        os._exit(1)  # nothing is to be tidied up: every file is whole at any moment

    threading.Thread(target=watch, daemon=True).start()


Message = Running | Result | Exception
"""What a worker sends."""
