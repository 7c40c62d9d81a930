"""`skipline study depth`: for real on the digits, stopped by hand, taken up again, and what it says of bad input."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import Command

ENDS = 300.0  # seconds in which processes must be gone; they take milliseconds, on a busy machine seconds
SMALL = ("study", "depth", "--depths", "8,14", "--seeds", "0", "--units", "residual", "--epochs", "1")


@dataclass(frozen=True)
class Stopped:
    """A study that was stopped: its exit code, its stderr, its folder."""

    code: int
    err: str
    folder: Path


def start(root: Path, *, jobs: int) -> subprocess.Popen[str]:
    """A study that takes hours, as the leader of a group of processes of its own."""
    arguments = ["study", "depth", "--depths", "8,14", "--seeds", "0", "--epochs", "100000", "--jobs", str(jobs)]
    return subprocess.Popen(
        [sys.executable, "-m", "skipline", *arguments],
        cwd=root,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_trainings(root: Path, *, num: int) -> None:
    until = time.monotonic() + ENDS
    while len([*root.glob("runs/*/runs/*/checkpoints/last/*.safetensors")]) < num:
        assert time.monotonic() < until, "no checkpoint was written"
        time.sleep(0.05)


def members(group: int) -> list[str]:
    """The processes of a group that have not ended, by their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, parents_group = path.joinpath("stat").read_text().rpartition(")")[2].split()[:3]
            if int(parents_group) == group and state not in "ZX":
                found.append(path.joinpath("cmdline").read_text().replace("\0", " "))
    return found


def wait_until_gone(group: int) -> None:
    until = time.monotonic() + ENDS
    while members(group):
        assert time.monotonic() < until, members(group)
        time.sleep(0.05)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stopped]:
    """One study stopped by Ctrl-C, which goes to the whole group, and one whose first process is killed outright."""
    roots = {name: tmp_path_factory.mktemp(name) for name in ("ctrl-c", "kill-9")}
    jobs = {"ctrl-c": 2, "kill-9": 1}
    processes = {name: start(root, jobs=jobs[name]) for name, root in roots.items()}
    try:
        for name, root in roots.items():
            wait_for_trainings(root, num=jobs[name])
            assert len(members(processes[name].pid)) > jobs[name]
        os.killpg(processes["ctrl-c"].pid, signal.SIGINT)
        processes["kill-9"].kill()
        ended = {}
        for name, process in processes.items():
            _, err = process.communicate(timeout=ENDS)
            wait_until_gone(process.pid)
            (folder,) = roots[name].glob("runs/*")
            ended[name] = Stopped(process.returncode, err, folder)
        return ended
    finally:
        for process in processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see which processes are left")
@pytest.mark.slow  # processes begin, are stopped and go on; tests/study/test_depth.py goes on in one
class TestStopping:
    def test_ctrl_c_ends_every_process_and_says_how_to_go_on(self, stopped: dict[str, Stopped]) -> None:
        study = stopped["ctrl-c"]
        assert study.code == 130
        said = study.err.splitlines()[-1]
        folder = Path("runs") / study.folder.name
        assert said == (
            "stopped; 0 of 4 trainings ended, with their results stored. Continue with: "
            "skipline study depth --depths 8,14 "
            f"--seeds 0 --epochs 100000 --jobs 2 --resume {folder}"
        )
        assert "Traceback" not in study.err

    def test_processes_end_with_a_parent_that_was_killed(self, stopped: dict[str, Stopped]) -> None:
        assert stopped["kill-9"].code == -signal.SIGKILL

    def test_it_does_not_go_on_with_other_flags(self, stopped: dict[str, Stopped], skipline: Command) -> None:
        folder = stopped["ctrl-c"].folder
        assert len([*folder.glob("runs/*/resolved.json")]) == 2, "what was begun is kept"
        ended = skipline("study", "depth", "--depths", "8,14", "--seeds", "0", "--epochs", "1", "--resume", str(folder))
        assert ended.code == 2
        assert f"{folder} holds another study: none of its 2 trainings has the settings asked for now" in ended.err
        (config,) = {path.read_text() for path in folder.glob("runs/*/config.toml")}
        assert "--epochs 100000" in config, "the file that the message names"


@pytest.mark.slow  # a study by processes; tests/study/test_depth.py has the rest
def test_a_study_and_its_second_call(skipline: Command, tmp_path: Path) -> None:
    ended = skipline(*SMALL)
    assert ended.code == 0, ended.err
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "report.html").stat().st_size > 10_000
    document = json.loads((folder / "study.json").read_text())
    assert document["command"] == shlex.join(["skipline", *SMALL])
    lines = ended.out.splitlines()
    assert lines[-2:] == [document["sentence"], f"report  {Path('runs') / folder.name / 'report.html'}"]
    assert lines[0] == f"{document['claims'][0]['verdict']}: {document['claims'][0]['sentence']}"
    assert "2 of 2  residual" in ended.err, "not a terminal: a line for each training on stderr"
    again = skipline(*SMALL, "--resume", str(folder), "--json")
    assert json.loads(again.out)["cells"] == document["cells"], "nothing was trained, and stdout holds JSON alone"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--depths", "9,14"), 2, "digits_plain9: there is no depth 9: depths are 6n+2; the nearest are 8 and 14."),
        (("--depths", "8;14"), 2, "--depths is '8;14'; expected whole numbers with commas between them"),
        (("--depths", "8"), 2, "a depth study compares at least two, e.g. --depths 8,20,56,110"),
        (("--seeds", "0,0"), 2, "seeds has 0 twice; give each once."),
        (("--units", "plain,preact"), 2, "--units has 'preact'; expected 'plain' or 'residual'."),
        (("--family", "imagenet"), 2, "--family has 'imagenet'; expected 'digits' or 'cifar'."),
        (("--preset", "slow"), 2, "--preset has 'slow'; expected 'quick' or 'he2015' or 'lecture' or 'photos'."),
        (("--set", "seed=3"), 2, "seed is set to 3, but a study has its own: --seeds. Leave it out."),
        (("--set", "epoch=3"), 2, "Did you mean 'epochs'?"),
        (("--resume", "nowhere"), 3, "nowhere is not the folder of a study: it has no folder runs/ in it."),
        (("digit",), 3, "Did you mean 'digits'?"),
        (("cifar10", "--data", "nowhere"), 3, "cifar10 is not in nowhere (there is no such folder)"),
    ],
)
def test_bad_input_is_refused_in_words_and_leaves_nothing(
    skipline: Command, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    ended = skipline("study", "depth", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--share", "1"), "share is 1; expected a part of the compute, between 0 and 1, e.g. 0.5."),
        (("--epochs", "1"), "epochs is 1; expected at least 2, so that one of them can be shared out."),
        (("--seeds", "0,0"), "seeds has 0 twice; give each once."),
        (("--model", "digits_resnet20", "--to", "57"), "57"),
        (("--model", "digits_resnet56", "--to", "20"), "digits_resnet56"),
        (("--set", "seed=3"), "seed is set to 3, but a study has its own: --seeds. Leave it out."),
        (("--set", "epochs=3"), "epochs is set to 3, but a study has its own: --epochs. Leave it out."),
    ],
)
def test_a_study_of_deepening_refuses_in_words_too(
    skipline: Command, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    ended = skipline("study", "deepening", *arguments)
    assert (ended.code, ended.out) == (2, ""), ended.err
    assert message in ended.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow  # a study by processes
def test_a_study_of_deepening_and_its_second_call(skipline: Command, tmp_path: Path) -> None:
    arguments = (
        *("study", "deepening", "--model", "digits_resnet8", "--to", "14", "--epochs", "2", "--seeds", "0"),
        *("--set", "kernels=plain"),
    )
    ended = skipline(*arguments)
    assert ended.code == 0, ended.err
    (folder,) = (tmp_path / "runs").iterdir()
    document = json.loads((folder / "study.json").read_text())
    assert ended.out.splitlines() == [document["sentence"], f"report  {Path('runs') / folder.name / 'report.html'}"]
    assert document["sentence"].split("<h1>")[0][:20] in (folder / "report.html").read_text()
    assert "14 layers: 2 epochs, compute 1.000; 8 layers deepened to 14: 3 epochs" in ended.err
    assert "3 of 3  " in ended.err, "not a terminal: a line for each training on stderr"
    again = skipline(*arguments, "--resume", str(folder), "--json")
    assert json.loads(again.out)["ways"] == document["ways"], "nothing was trained, and stdout holds JSON alone"


def test_the_environment_is_read_too(skipline: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIPLINE_PRESET", "slow")
    assert "--preset has 'slow'" in skipline("study", "depth").err


def test_a_folder_that_cannot_be_written_is_named(skipline: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = skipline(*SMALL, "--out", "file")
    assert ended.code == 3
    assert "cannot write file" in ended.err
