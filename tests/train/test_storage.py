"""A disk that is full or cannot be written: a clear error, the last good checkpoint intact, and the run goes on."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skipline.files import StorageError
from skipline.train import Interrupted, Outcome, Recipe, RunFolder, create_run

if sys.platform != "win32":
    import resource

Trainer = Callable[..., Outcome]
Metrics = Callable[[RunFolder], list[dict[str, Any]]]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """While the block lasts, the system refuses to let this process make a file larger than `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of 1 MiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a disk of our own needs Linux and root, to mount one in memory")
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=1m", "skipline-test", str(place)]
    if subprocess.run(["mount", *options], check=False, capture_output=True).returncode != 0:
        pytest.skip("this process may not mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def eager(recipe: Recipe) -> Recipe:
    """A checkpoint after each step."""
    return replace(recipe, checkpoint_seconds=0.0)


def files_of(run: RunFolder) -> dict[str, bytes]:
    """All files but the metrics, which may be a whole line ahead of the checkpoint."""
    paths = [path for path in run.path.rglob("*") if path.is_file() and path != run.metrics]
    return {str(path.relative_to(run.path)): path.read_bytes() for path in paths}


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit on the size of files")
@pytest.mark.parametrize(
    ("stop_after", "largest", "file"),
    [(4, 30_000, "checkpoint.safetensors"), (2, 10_000, "model.safetensors"), (2, 50, "metrics.jsonl")],
)
def test_a_write_that_fails_stops_the_run_and_keeps_what_was_saved(
    stop_after: int,
    largest: int,
    file: str,
    eager: Recipe,
    new_run: Callable[[], RunFolder],
    train_small: Trainer,
    metrics_without_times: Metrics,
) -> None:
    """The system itself refuses: at the checkpoint behind step 5, the model of epoch 1 or its line of metrics."""
    whole, run = new_run(), new_run()
    train_small(eager, whole)
    with pytest.raises(Interrupted):
        train_small(eager, run, stop_after=stop_after)
    before = files_of(run)
    with largest_file(largest), pytest.raises(StorageError) as raised:
        train_small(eager, run)
    assert re.fullmatch(
        rf"cannot write .*/{re.escape(file)}: the file would be larger than this system allows\. Raise the limit, or "
        rf"choose another folder\. Nothing that was saved is lost; continue afterwards with: skipline resume "
        rf"{run.path}",
        str(raised.value),
    )
    assert files_of(run) == before
    assert run.metrics.read_bytes()[-1:] in (b"", b"\n")
    train_small(eager, run)
    assert run.model.read_bytes() == whole.model.read_bytes()
    assert metrics_without_times(run) == metrics_without_times(whole)


def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(
    disk: Path, eager: Recipe, new_run: Callable[[], RunFolder], train_small: Trainer, metrics_without_times: Metrics
) -> None:
    whole = new_run()
    train_small(eager, whole)
    run = create_run(disk, "small", {"resolved.json": {}})
    with pytest.raises(Interrupted):
        train_small(eager, run, stop_after=4)
    before = files_of(run)
    ballast = disk / "ballast"
    room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    ballast.write_bytes(bytes(room - 2 * 4096))  # two pages are left: less than a checkpoint
    with pytest.raises(StorageError, match=r"checkpoint\.safetensors: the disk is full\. Free some space, or choose"):
        train_small(eager, run)
    assert files_of(run) == before
    ballast.unlink()
    train_small(eager, run)
    assert run.model.read_bytes() == whole.model.read_bytes()
    assert metrics_without_times(run) == metrics_without_times(whole)


def test_a_read_only_disk_is_said_and_leaves_the_run_as_it_is(disk: Path, eager: Recipe, train_small: Trainer) -> None:
    run = create_run(disk, "small", {"resolved.json": {}})
    with pytest.raises(Interrupted):
        train_small(eager, run, stop_after=2)
    before = files_of(run)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(StorageError, match=r"the file system is read-only\. Choose another folder\."):
        train_small(eager, run)
    with pytest.raises(StorageError, match=r"the file system is read-only\. Choose another folder\."):
        create_run(disk, "small", {"resolved.json": {}})
    assert files_of(run) == before
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert train_small(eager, run).step == 6


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_at_any_call_loses_nothing(
    call: str,
    eager: Recipe,
    new_run: Callable[[], RunFolder],
    train_small: Trainer,
    metrics_without_times: Metrics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each attempt fails one call later; between attempts the run is whole, and in the end as if nothing had been."""
    whole, run = new_run(), new_run()
    train_small(eager, whole)
    real = getattr(os, call)
    attempts = 0
    while not run.is_done:
        attempts += 1
        calls = 0

        def fail(*arguments: object, last: int = 2 + attempts) -> None:
            nonlocal calls
            calls += 1
            if calls >= last:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(*arguments)

        monkeypatch.setattr(os, call, fail)
        with suppress(StorageError):
            train_small(eager, run)
        monkeypatch.setattr(os, call, real)
        assert list(run.path.rglob("*.partial")) == []
    assert attempts > 3
    assert run.model.read_bytes() == whole.model.read_bytes()
    assert metrics_without_times(run) == metrics_without_times(whole)
