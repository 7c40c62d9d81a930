"""`skipline resume`: a real run, killed, goes on from its folder alone."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from skipline.train.speed.precision import has_bf16

from .conftest import Command

ARGUMENTS = ("--model", "digits_resnet8", "--epochs", "3", "--batch-size", "64", "--device", "cpu", "--deterministic")


def skipline_process(cwd: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "skipline", *arguments]
    return subprocess.Popen(
        command, cwd=cwd, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ}, text=True
    )


def begun_and_ended(cwd: Path, number: signal.Signals | None) -> tuple[int, Path]:
    """A run on the digits, with that signal after its first epoch: its exit code and its folder."""
    with skipline_process(cwd, "train", "digits", *ARGUMENTS) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch 1/") and number is not None:
                process.send_signal(number)
        code = process.wait()
    return code, max((cwd / "runs").glob("*/resolved.json")).parent


def without_times(run: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [
        {name: value for name, value in line.items() if name not in ("seconds", "images_per_second")} for line in lines
    ]


@pytest.mark.slow  # tests/train/test_resume_exactly.py stops in the process itself
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_ended_goes_on_to_the_same_bytes(number: signal.Signals, tmp_path: Path) -> None:
    for name in ("whole", "ended", "elsewhere"):
        (tmp_path / name).mkdir()
    code, whole = begun_and_ended(tmp_path / "whole", None)
    assert code == 0
    code, run = begun_and_ended(tmp_path / "ended", number)
    assert code == (130 if number == signal.SIGTERM else -number)
    assert not (run / "DONE").exists()
    with skipline_process(tmp_path / "elsewhere", "resume", str(run), "--json") as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    assert json.loads(out)["run"] == str(run)
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert without_times(run) == without_times(whole)
    assert (run / "report.html").is_file()


def write_idx(folder: Path) -> None:
    """70 images of 8×8 pixels to train on and ten to test on, of two classes."""
    folder.mkdir(parents=True)
    for part, num in (("train", 70), ("t10k", 10)):
        count, size = num.to_bytes(4, "big"), (8).to_bytes(4, "big")
        pixels = bytes(7 * i % 256 for i in range(64 * num))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(bytes((0, 0, 8, 3)) + count + size + size + pixels)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            bytes((0, 0, 8, 1)) + count + bytes(i % 2 for i in range(num))
        )


@pytest.fixture
def unfinished(skipline: Command, tmp_path: Path) -> Path:
    """A run on a folder that was named by a relative path, whose end is taken away."""
    write_idx(tmp_path / "set")
    ended = skipline(
        "train", "set", "--model", "digits_plain8", "--epochs", "1", "--precision", "fp32", "--device", "cpu"
    )
    assert ended.code == 0, ended.err
    run = max((tmp_path / "runs").glob("*/resolved.json")).parent
    (run / "DONE").unlink()
    return run


def test_data_are_found_from_another_folder(
    skipline: Command, unfinished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    ended = skipline("resume", str(unfinished))
    assert ended.code == 0, ended.err


def test_data_that_have_moved_are_named(skipline: Command, unfinished: Path, tmp_path: Path) -> None:
    (tmp_path / "set").rename(tmp_path / "moved")
    for command in (("resume",), ("evaluate",), ("deepen", "--to", "14"), ("diagnose",)):
        ended = skipline(command[0], "runs/last", *command[1:])
        assert ended.code == 3, command
        assert "If they have moved, give their current place: --data PATH" in ended.err, command
    ended = skipline("report", "runs/last")
    assert ended.code == 3
    assert "give their current place: --data PATH. To write the page with what is left: " in ended.err
    assert ended.err.endswith(": skipline report runs/last --as-it-is\n")
    assert skipline("report", "runs/last", "--as-it-is").code == 0
    assert skipline("diagnose", "runs/last", "--data", "moved").code == 0
    assert skipline("resume", "runs/last", "--data", "moved").code == 0


def test_the_next_command_can_be_typed_where_a_folder_has_a_blank(
    skipline: Command, unfinished: Path, tmp_path: Path
) -> None:
    """Each command that is printed is typed as it stands, from one verb to the next."""
    (tmp_path / "runs").rename(tmp_path / "my runs")
    run = Path("my runs") / unfinished.name
    (run / "DONE").touch()
    ended = skipline("resume", "my runs/last")
    for verb in ("evaluate", "report"):
        said = ended.err.strip().rpartition(": ")[2]
        assert said.startswith(f"skipline {verb} 'my runs/")
        ended = skipline(*shlex.split(said)[1:])
        assert ended.code == 0, ended.err
    (run / "DONE").unlink()
    assert skipline("report", str(run)).code == 0
    assert f"skipline resume &#x27;{run}&#x27;" in (run / "report.html").read_text(encoding="utf-8")
    (run / "model.safetensors").unlink()
    ended = skipline("predict", str(run), "nothing.png")
    assert ended.err.endswith(f"Continue with: skipline resume '{run}'\n")


def test_another_machine_is_refused_until_it_is_taken(skipline: Command, unfinished: Path) -> None:
    card = unfinished / "environment.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "processor": "another one"}))
    ended = skipline("resume", "runs/last")
    assert ended.code == 2
    assert "would no longer give the same bits. It was started with processor 'another one' (now " in ended.err
    assert "--anyway" in ended.err
    assert skipline("resume", "runs/last", "--anyway").code == 0


def test_a_device_that_is_gone_is_the_runs(skipline: Command, unfinished: Path) -> None:
    card = unfinished / "environment.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "device": "cuda:97 (NVIDIA H200)"}))
    ended = skipline("resume", "runs/last")
    assert ended.code == 2
    assert "the run's device is 'cuda:97', but" in ended.err


def test_evaluate_computes_in_the_runs_format(skipline: Command, unfinished: Path) -> None:
    """Which its card tells: one that says bf16 is obeyed, or refused where the processor has none."""
    trained = json.loads((unfinished / "metrics.jsonl").read_text().splitlines()[-1])
    command = ("evaluate", "runs/last", "set", "--json", "--device", "cpu")
    assert json.loads(skipline(*command).out)["loss"] == pytest.approx(trained["test_loss"], rel=1e-6)
    card = unfinished / "environment.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "dtype": "bfloat16"}))
    ended = skipline(*command)
    if has_bf16(torch.device("cpu")):
        assert json.loads(ended.out)["loss"] != pytest.approx(trained["test_loss"], rel=1e-6)
    else:
        assert "precision is 'bf16', but this cpu device has no bfloat16 arithmetic" in ended.err
