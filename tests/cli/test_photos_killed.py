"""A run on photos that is stopped, or killed without warning, goes on to the same bits wherever the photos lie now."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skipline.train import RunFolder, open_run

from .conftest import Command
from .photo_folder import TRAIN, write_photos

SECONDS = 300  # that a busy machine may need
FLAGS = (*TRAIN, "--policy", "trivial", "--erasing", "0.3", "--cutmix", "1", "--balanced", "--ema", "0.9")


def last(tmp_path: Path) -> RunFolder:
    return open_run(tmp_path / "runs" / "last")


def test_photos_that_moved_are_found_and_those_that_changed_are_told(skipline: Command, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos")
    assert skipline("train", "photos", *FLAGS, "--epochs", "2").code == 0
    run = last(tmp_path)
    whole = run.model.read_bytes()
    for name in ("DONE", "model.safetensors", "checkpoints/last/checkpoint.safetensors"):
        (run.path / name).unlink()
    run.metrics.write_text(run.metrics.read_text().splitlines()[0] + "\n")  # killed before its first checkpoint
    photos.rename(tmp_path / "elsewhere")
    gone = skipline("resume", "runs/last")
    assert gone.code == 3
    assert "of the run changed or lost, so it cannot go on" in gone.err
    assert "--data PATH" in gone.err
    ended = skipline("resume", "runs/last", "--data", str(tmp_path / "elsewhere"))
    assert ended.code == 0, ended.err
    assert run.model.read_bytes() == whole


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_run_that_is_killed_goes_on_to_the_same_bits(skipline: Command, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", num=20)
    flags = (*FLAGS, "--image-size", "16", "--epochs", "24", "--set", "checkpoint_seconds=0")  # of 8, then 12 pixels
    assert skipline("train", "photos", *flags, "--out", "whole").code == 0
    whole = open_run(tmp_path / "whole" / "last").model.read_bytes()
    program = [sys.executable, "-m", "skipline", "train", "photos", *flags]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(program, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL) as killed:
        deadline = time.monotonic() + SECONDS
        while not list(tmp_path.glob("runs/*/checkpoints/last/checkpoint.safetensors")):
            assert killed.poll() is None
            assert time.monotonic() < deadline, "no checkpoint was written"
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
    run = last(tmp_path)
    assert not run.is_done, "it was killed in the middle"
    ended = skipline("resume", "runs/last", "--anyway", "--json")
    assert json.loads(ended.out)["step"] == 24 * 4
    assert run.model.read_bytes() == whole


def children(pid: int) -> set[int]:
    """The processes that a process has started."""
    try:
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return set()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux tells a process's children")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_a_run_that_is_ended_while_it_reads_photos_leaves_no_process(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    write_photos(tmp_path / "photos", num=40)
    program = [sys.executable, "-m", "skipline", "train", "photos", *FLAGS, "--cache", "kept"]
    with subprocess.Popen(program, cwd=tmp_path, stderr=subprocess.DEVNULL) as ended:
        deadline = time.monotonic() + SECONDS
        readers: set[int] = set()
        while not readers:
            assert ended.poll() is None
            assert time.monotonic() < deadline, "no photos were read"
            time.sleep(0.01)
            readers = children(ended.pid)
        ended.send_signal(number)
        asked = time.monotonic()
        assert ended.wait(SECONDS) == code
    while any(Path(f"/proc/{pid}").exists() for pid in readers) and time.monotonic() < asked + SECONDS:
        time.sleep(0.05)
    assert not [pid for pid in readers if Path(f"/proc/{pid}").exists()]
    assert not (tmp_path / "runs").exists()
    assert not list((tmp_path / "kept").glob("*.photos")), "nothing half-written has the name of what is whole"
