"""What a launcher means for the command line: verbs, devices, voices, and the run that a launch had begun."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch

from skipline.cli.exits import UsageError, tell
from skipline.cli.given.launch import launched
from skipline.cli.launch import LAUNCH, begun, begun_before
from skipline.launcher import LauncherError
from skipline.train import Interrupted, RunFolder, create_run
from skipline.train.processes.team import ALONE, TeamError

from .conftest import Command


@pytest.fixture
def of_two(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This process is the second of two that a launcher has started."""
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "_exit", sys.exit)  # how such a process ends; this one is to go on
    return monkeypatch


def test_verbs_of_one_process_are_refused(skipline: Command, of_two: pytest.MonkeyPatch) -> None:
    ended = skipline("models")
    assert ended.code == 2
    assert ended.err.startswith(
        "process 1: error: `skipline models` is done by one process, and a launcher has started"
    )
    assert "Start it without one; train and resume are what several processes can do." in ended.err


def test_a_size_that_was_left_over_is_named(skipline: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was an internal error: PyTorch's meeting asked for RANK."""
    monkeypatch.setattr(os, "_exit", sys.exit)
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    ended = skipline("train", "digits", "--epochs", "1", "--dry-run", "--device", "cpu")
    assert ended.code == 2
    assert "RANK and MASTER_ADDR and MASTER_PORT are missing. Start all of them with torchrun" in ended.err
    assert "unset WORLD_SIZE" in ended.err


def test_processes_that_do_not_know_their_device_are_refused(of_two: pytest.MonkeyPatch) -> None:
    of_two.setattr(torch.cuda, "is_available", lambda: True)
    of_two.setattr(torch.cuda, "device_count", lambda: 1)
    of_two.delenv("LOCAL_RANK")
    with pytest.raises(LauncherError, match="LOCAL_RANK is missing"), launched("cuda"):
        pass


def test_help_is_not(skipline: Command, of_two: pytest.MonkeyPatch) -> None:
    assert skipline("--help").code == 0


def test_a_process_says_which_it_is_but_not_what_all_say(
    of_two: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell(TeamError("another one has ended."), debug=False) == 1
    assert capsys.readouterr().err == "process 1: error: another one has ended.\n"
    assert tell(Interrupted(step=3, run=Path("runs/a")), debug=False) == 130
    assert capsys.readouterr().err == ""
    of_two.setenv("RANK", "0")
    tell(Interrupted(step=3, run=Path("runs/a")), debug=False)
    assert capsys.readouterr().err.startswith("stopped after step 3; a checkpoint was written.")


def test_devices_are_counted(of_two: pytest.MonkeyPatch) -> None:
    of_two.setattr(torch.cuda, "is_available", lambda: True)
    of_two.setattr(torch.cuda, "device_count", lambda: 1)
    too_few = r"this is process 1 on its machine, counted from 0, and there are 1 CUDA devices"
    with pytest.raises(UsageError, match=too_few), launched("cuda"):
        pass
    one_for_all = r"--device is 'cuda:0', and several processes would share it. Use --device cuda"
    with pytest.raises(UsageError, match=one_for_all), launched("cuda:0"):
        pass


def test_alone_the_device_is_the_one_that_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with launched("cpu") as (team, device):
        assert (team, device) == (ALONE, torch.device("cpu"))


def test_a_launch_finds_its_own_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest of its own, after a restart only; another launch's run is none of its business."""
    runs = tmp_path / "runs"

    def begin() -> RunFolder:
        return begun(ALONE, lambda: create_run(runs, "small", {"resolved.json": {}}))

    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert begun_before(ALONE, runs) is None
    own = begin()
    assert own.read(LAUNCH) == {"format": "skipline.launch", "version": 1, "launch": "mine"}
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "another")
    other = begin()
    assert begun_before(ALONE, runs) == other
    other.write(LAUNCH, "{")  # torn by hand
    assert begun_before(ALONE, runs) is None
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
    assert begun_before(ALONE, runs) == own
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    assert begun_before(ALONE, runs) is None


def test_a_launch_without_a_name_is_told_by_its_launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "2")
    run = begun(ALONE, lambda: create_run(tmp_path, "small", {"resolved.json": {}}))
    assert begun_before(ALONE, tmp_path) == run
    monkeypatch.setattr("os.getppid", lambda: -1)
    assert begun_before(ALONE, tmp_path) is None


def test_without_a_launcher_nothing_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    run = begun(ALONE, lambda: create_run(tmp_path, "small", {"resolved.json": {}}))
    assert not (run.path / LAUNCH).exists()
