"""Processes that read photos: what ends or halts one costs one file, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from skipline.data.photos.decode import LOCAL, Unusable
from skipline.data.photos.fact import PhotoFact, read_fact
from skipline.data.photos.readers import Readers

from ..pictures import encoded, noise

JOB = partial(read_fact, limits=LOCAL)


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    """Forty photos, and one that is cut short."""
    names = [f"{number}.png" for number in range(40)]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(encoded(noise(number, side=12), format="PNG"))
    (tmp_path / "39.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return names


def is_gone(pid: int) -> bool:
    """Whether a process has ended, within five seconds."""
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_processes_say_what_this_one_would(tmp_path: Path, photos: list[str]) -> None:
    with Readers(2, job=JOB) as readers:
        found = dict(readers.read(tmp_path, photos))
        pids = [worker.process.pid or 0 for worker in readers._workers]
    assert found == {index: read_fact(tmp_path, name, limits=LOCAL) for index, name in enumerate(photos)}
    assert isinstance(found[0], PhotoFact)
    assert isinstance(found[39], Unusable)
    assert len(pids) == 2
    assert all(map(is_gone, pids))


def test_no_names_start_no_process(tmp_path: Path) -> None:
    with Readers(2, job=JOB) as readers:
        assert list(readers.read(tmp_path, [])) == []
        assert readers._workers == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGKILL, "the process that decoded it was ended by SIGKILL; memory may have run out"),
        (signal.SIGSTOP, "decoding it took more than 3 s, and was given up"),
    ],
)
def test_a_process_that_ends_or_halts_costs_one_file(
    number: signal.Signals, said: str, tmp_path: Path, photos: list[str]
) -> None:
    content = encoded(noise(0, side=500), format="PNG", compress_level=1)
    for name in photos:  # some 10 ms each, so that the signal comes in the middle
        (tmp_path / name).write_bytes(content)
    with Readers(1, job=JOB, file_seconds=3.0) as readers:
        reading = readers.read(tmp_path, photos)
        found = dict([next(reading)])
        os.kill(readers._workers[0].process.pid or 0, number)
        found |= dict(reading)
    assert sorted(found) == list(range(40))
    lost = [fact for fact in found.values() if isinstance(fact, Unusable)]
    assert len(lost) == 1
    assert lost[0].reason == "broken"
    assert said in lost[0].why


def test_whoever_stops_early_leaves_no_process(tmp_path: Path, photos: list[str]) -> None:
    pids: list[int] = []

    def stop_early() -> None:
        with Readers(2, job=JOB) as readers:
            next(readers.read(tmp_path, photos))
            pids.extend(worker.process.pid or 0 for worker in readers._workers)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_early()
    assert len(pids) == 2
    assert all(map(is_gone, pids))


def test_they_import_no_torch() -> None:
    code = "import sys, skipline.data.photos.readers, skipline.check; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
