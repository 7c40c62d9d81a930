"""Ctrl-C waits for the end of the block, and never reaches a process that was started in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from skipline.interrupt import interrupt_held_back

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot hold signals back")


def _press_ctrl_c() -> None:
    """For this thread: of a signal to the process any other one may hear, and tests share theirs with servers."""
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)


def test_it_comes_when_the_block_ends() -> None:
    done: list[str] = []

    def interrupted() -> None:
        with interrupt_held_back():
            _press_ctrl_c()
            done.append("the rest of the block")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["the rest of the block"]


def test_it_waits_though_another_thread_hears_it() -> None:
    """A signal goes to whichever thread lets it through, and Python's handler then runs in the main one."""
    done: list[str] = []
    end = threading.Event()
    listener = threading.Thread(target=end.wait)
    listener.start()

    def interrupted() -> None:
        with interrupt_held_back():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)  # the other thread hears it
            done.append("the rest of the block")

    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
    finally:
        end.set()
        listener.join()
    assert done == ["the rest of the block"]


def test_it_is_let_through_again_behind_the_block_but_not_in_what_was_started() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('alive')"
    with interrupt_held_back():
        held = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (held.returncode, held.stdout) == (0, "alive\n")
    with pytest.raises(KeyboardInterrupt):
        _press_ctrl_c()
