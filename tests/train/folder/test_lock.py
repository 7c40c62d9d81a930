"""The lock of a run folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from skipline.files import StorageError
from skipline.train import Outcome, Recipe, RunError, RunFolder
from skipline.train.folder.lock import locked

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="this system has no flock")

# Another process that holds a run; it needs no torch for it.
HOLD = """
import fcntl, os, signal, sys
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(file, fcntl.LOCK_EX)
os.ftruncate(file, 0)
os.write(file, str(os.getpid()).encode())
print("held", flush=True)
signal.pause()
"""


def test_a_run_is_held_once_and_let_go(new_run: Callable[[], RunFolder]) -> None:
    run = new_run()
    message = (
        f"{run.path} is being trained by another process (number {os.getpid()}). Wait until it has ended, or stop it "
        f"there with Ctrl-C; then: skipline resume {run.path}"
    )
    with locked(run), pytest.raises(RunError, match=re.escape(message)), locked(run):
        pass
    with locked(run):
        pass


def test_another_run_is_free(new_run: Callable[[], RunFolder]) -> None:
    with locked(new_run()), locked(new_run()):
        pass


def test_the_dead_hold_nothing(new_run: Callable[[], RunFolder]) -> None:
    run = new_run()
    with locked(run):
        pass  # so that a number of ours is in the file
    with subprocess.Popen([sys.executable, "-c", HOLD, str(run.path / ".lock")], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(RunError, match=rf"\(number {holder.pid}\)"), locked(run):
            pass
        holder.kill()
    with locked(run):
        pass


def test_where_nothing_can_lock_nothing_is_refused(
    new_run: Callable[[], RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_arguments: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", cannot)
    run = new_run()
    with locked(run), locked(run):
        pass


def test_a_folder_that_cannot_be_written_is_said(new_run: Callable[[], RunFolder]) -> None:
    run = RunFolder(new_run().path / "resolved.json")
    with pytest.raises(StorageError, match="a part of this path is a file"), locked(run):
        pass


def test_training_takes_it(
    recipe: Recipe, new_run: Callable[[], RunFolder], train_small: Callable[..., Outcome]
) -> None:
    run = new_run()
    with locked(run), pytest.raises(RunError, match="is being trained by another process"):
        train_small(recipe, run)
    assert train_small(recipe, run).step == 6
