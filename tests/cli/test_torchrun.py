"""`torchrun … -m skipline train`: a process is killed and started again, all are stopped, and the bits are the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from skipline.train import RunFolder
from skipline.train.folder.checkpoint import read_progress
from skipline.train.folder.run_folder import open_run
from skipline.weights import read_tensors

pytestmark = [
    pytest.mark.slow,  # two launches of two processes, one of which is started again
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the launcher's children are found in /proc"),
    pytest.mark.xdist_group("two processes"),
]

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
TRAIN = ["train", "digits", "--model", "digits_resnet8", "--epochs", "4", "--batch-size", "100", "--precision", "fp32"]
SECONDS = 600  # that a busy machine may need: 120 were too few once with fourteen programs on two cores


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SKIPLINE_")}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error::FutureWarning:skipline"}


def wait_for(condition: Callable[[], bool], launcher: subprocess.Popen[str]) -> None:
    """Wait until that holds; the launcher has to live until then."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert launcher.poll() is None, launcher.communicate()
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


def steps_of(folder: Path) -> int:
    """Steps whose losses the newest run in `folder` has written, which it does just before each checkpoint."""
    if not (folder / "runs" / "last").exists():
        return 0
    return len(open_run(folder / "runs" / "last").read_losses())


def workers_of(launcher: subprocess.Popen[str]) -> list[int]:
    """The processes that the launcher has started, by number."""
    tasks = Path(f"/proc/{launcher.pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text(encoding="ascii").split()]
    return [child for child in sorted(children) if b"skipline" in command_of(child)]


def command_of(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


@contextmanager
def ended(launcher: subprocess.Popen[str]) -> Iterator[None]:
    """However the block ends, the launcher has ended behind it, and with it the processes that it started."""
    try:
        yield
    finally:
        if launcher.poll() is None:
            launcher.send_signal(signal.SIGTERM)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run of two processes: one is killed, the launcher starts both again; Ctrl-C; then it is resumed to its end."""
    folder = tmp_path_factory.mktemp("torchrun")
    settings = ["--set", "checkpoint_seconds=0", "--set", "loss_every=1"]
    train = [*TORCHRUN, "--max-restarts", "2", "-m", "skipline", *TRAIN, *settings]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(train, cwd=folder, env=environment(), **pipes) as launcher, ended(launcher):
        wait_for(lambda: steps_of(folder) >= 3, launcher)
        workers = workers_of(launcher)
        os.kill(workers[1], signal.SIGKILL)
        wait_for(lambda: not set(workers) & set(workers_of(launcher)) and len(workers_of(launcher)) == 2, launcher)
        killed_at = steps_of(folder)
        wait_for(lambda: steps_of(folder) > killed_at + 2, launcher)
        launcher.send_signal(signal.SIGINT)
        _, errors = launcher.communicate(timeout=SECONDS)
    stopped_at = read_progress(open_run(folder / "runs" / "last").checkpoint).step
    resume = [*TORCHRUN, "-m", "skipline", "resume", "runs/last", "--json"]
    done = subprocess.run(
        resume, cwd=folder, env=environment(), capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr
    run = open_run(folder / "runs" / "last")
    script = Path(__file__).parents[1] / "train" / "processes" / "two_processes.py"
    again = subprocess.run(
        [sys.executable, str(script), str(folder / "again"), str(run.path)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert again.returncode == 0, again.stderr
    return {
        "runs": sorted(path.name for path in (folder / "runs").iterdir() if path.is_dir()),
        "run": run,
        "again": RunFolder(Path(json.loads(again.stdout)["run"])),
        "stopped_at": stopped_at,
        "errors": errors,
        "outcome": json.loads(done.stdout),
    }


def test_it_is_one_run_that_goes_on(told: dict[str, Any]) -> None:
    assert told["runs"] == [told["run"].name]
    assert told["run"].is_done
    assert told["outcome"]["step"] == 60
    assert told["run"].read("environment.json")["processes"] == 2


def test_it_ends_with_the_bits_of_a_run_that_nothing_happened_to(told: dict[str, Any]) -> None:
    assert told["run"].model.read_bytes() == told["again"].model.read_bytes()
    found, expected = (read_tensors(told[name].checkpoint)[1] for name in ("run", "again"))
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []


def test_the_lost_process_and_the_stop_are_told(told: dict[str, Any]) -> None:
    assert 0 < told["stopped_at"] < 60
    # Since the second start: the launcher asks the process whose companion was killed to stop too, if it still lives.
    assert told["errors"].split("digits_resnet8 · ")[-1].count("stopping after this step") == 1
    assert f"stopped after step {told['stopped_at']}; a checkpoint was written." in told["errors"]
    assert "internal error" not in told["errors"]
