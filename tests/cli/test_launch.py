"""What a launcher means for the command line: verbs, devices, voices, and the run that a launch had begun."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
import torch
from rich.console import Console

from skipline.cli.exits import UsageError, tell
from skipline.cli.given.launch import launched
from skipline.cli.launch import LAUNCH, NotBegun, begun, begun_before, run_live
from skipline.cli.output.run_table import RunTable
from skipline.cli.stop_request import STOPPING, StopRequest
from skipline.launcher import LauncherError
from skipline.train import CutShort, Interrupted, Outcome, Recipe, RunFolder, create_run
from skipline.train.processes.team import ALONE, TeamError
from skipline.zoo import describe

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


def table_of(folder: RunFolder, console: Console, stop: StopRequest) -> RunTable:
    recipe = Recipe(network=describe("digits_resnet8", num_classes=10, in_channels=1), source="digits")
    return RunTable(recipe, "digits", folder.path, device=torch.device("cpu"), console=console, is_stopping=stop)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_that_it_stops_is_said_once_and_below_the_table_where_that_is_live(
    is_terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A line that something else writes between two drawings of a live table is drawn over and leaves a second head."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("TTY_COMPATIBLE", "1" if is_terminal else "0")

    def train(folder: RunFolder, show: object, stop: StopRequest) -> Outcome:
        del folder, show
        signal.raise_signal(signal.SIGINT)
        assert stop()
        told = capfd.readouterr().err
        assert (f"\n{STOPPING}\n" in told) is not is_terminal
        raise Interrupted(step=1, run=tmp_path)

    with pytest.raises(Interrupted):
        run_live(ALONE, begin=lambda: RunFolder(tmp_path), make_table=table_of, train=train)
    assert (STOPPING in capfd.readouterr().err) is is_terminal


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            [],
            "ended before the first checkpoint: its folder holds no weights yet. "
            "Begin it again with: skipline resume {run}",
        ),
        (
            ["checkpoint"],
            "ended at once; the newest checkpoint is intact. Continue from there with: skipline resume {run}",
        ),
        (
            ["checkpoint", "DONE"],
            "interrupted after the last step; the model is saved. Write its report with: skipline report {run}",
        ),
    ],
)
def test_a_run_that_is_ended_at_once_says_how_to_go_on_with_what_is_left(
    files: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = create_run(tmp_path, "small", {})

    def train(folder: RunFolder, show: object, stop: StopRequest) -> Outcome:
        del show, stop
        for name in files:
            (folder.checkpoint if name == "checkpoint" else folder.path / name).touch()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second one ends it")

    with pytest.raises(CutShort) as ended:
        run_live(ALONE, begin=lambda: run, make_table=table_of, train=train)
    capsys.readouterr()
    assert tell(ended.value, debug=False) == 130
    assert capsys.readouterr().err == said.format(run=run.path) + "\n"


def test_ctrl_c_while_the_folder_is_made_is_heard_and_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also on a terminal, whose table is not there yet: who hears nothing presses again, and that ends it."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")

    def begin() -> RunFolder:
        signal.raise_signal(signal.SIGINT)
        assert STOPPING in capfd.readouterr().err
        return create_run(tmp_path, "small", {})

    def train(folder: RunFolder, show: object, stop: StopRequest) -> Outcome:
        del show
        assert stop()
        raise Interrupted(step=1, run=folder.path)

    with pytest.raises(Interrupted, match="Continue with: skipline resume"):
        run_live(ALONE, begin=begin, make_table=table_of, train=train)


def test_ctrl_c_twice_while_the_folder_is_made_says_that_nothing_is_left_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(folder: RunFolder) -> None:
        assert folder.path.parent == tmp_path
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    def train(folder: RunFolder, show: object, stop: StopRequest) -> Outcome:
        raise AssertionError("it has ended")

    with pytest.raises(NotBegun) as ended:
        run_live(ALONE, begin=lambda: create_run(tmp_path, "small", {}, fill=end), make_table=table_of, train=train)
    assert [*tmp_path.iterdir()] == []
    capsys.readouterr()
    assert tell(ended.value, debug=False) == 130
    said = "ended before the run began: nothing was trained. Start it again with the same command.\n"
    assert capsys.readouterr().err == said
