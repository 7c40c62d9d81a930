"""`skipline train --lr find`: the rate is that of a run with it given, bit for bit, and the curve is kept and shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from skipline.cli import rate_search
from skipline.train.trials.rate_sweep import RateSweep

from .conftest import Command

QUICK = ("train", "digits", "--model", "digits_resnet8", "--epochs", "1", "--precision", "fp32", "--device", "cpu")
RATES = tuple(10.0 ** (-3 + 0.05 * step) for step in range(60))
FALLING = RateSweep(
    RATES, tuple(2.3 - 0.01 * (step % 2) - max(0, min(step - 20, 86 - step)) / 20 for step in range(60)), "swept"
)
FLAT = RateSweep(RATES, tuple(2.3 - 0.01 * (step % 2) for step in range(60)), "not finite")


def last(tmp_path: Path, runs: str) -> Path:
    return tmp_path / runs / (tmp_path / runs / "last").read_text().strip()


def test_the_run_is_the_one_that_the_rate_alone_gives(skipline: Command, tmp_path: Path) -> None:
    found = skipline(*QUICK, "--lr", "find", "--batch-size", "64")
    assert found.code == 0, found.err
    sentence = r"Suggested learning rate: (\S+), a third of \S+, where the smoothed loss is lowest \(.*\)\.\n"
    said = re.search(sentence, found.err)
    assert said is not None
    run = last(tmp_path, "runs")
    kept = json.loads((run / "learning_rate.json").read_text())
    assert (kept["format"], kept["version"], kept["suggestion"]) == ("skipline.rate_sweep", 1, float(said[1]))
    assert json.loads((run / "resolved.json").read_text())["optimiser"]["learning_rate"] == float(said[1])
    assert "Learning-rate range test" in (run / "report.html").read_text()
    picture = (run / "learning_rate.svg").read_text()
    assert picture.startswith("<svg ")
    assert f">{float(said[1]):.2g}</text>" in picture, "the line of the rate that was taken"
    assert skipline(*QUICK, "--lr", said[1], "--batch-size", "64", "--out", "given").code == 0
    assert (last(tmp_path, "given") / "model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()
    assert not (last(tmp_path, "given") / "learning_rate.json").exists()


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_search, "sweep_rates", lambda *_args, **_named: FALLING)


@pytest.mark.usefixtures("swept")
def test_a_dry_run_only_looks(skipline: Command, tmp_path: Path) -> None:
    ended = skipline(*QUICK, "--lr", "find", "--dry-run", "--json")
    plan = json.loads(ended.out)
    assert plan["recipe"]["optimiser"]["learning_rate"] == plan["learning_rate"]["suggestion"]
    assert plan["learning_rate"]["rates"] == list(RATES)
    shown = skipline(*QUICK, "--lr", "find", "--dry-run")
    rows = [line.split() for line in shown.err.splitlines() if "━" in line]
    assert len(rows) == 15, "fourteen, and that of the lowest loss"
    assert rows[0][:2] == ["0.001", "2.295"]
    assert sum("lowest" in row for row in rows) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize("flags", [("--set", "optimiser.learning_rate=find"), ("--optimiser", "adamw", "--lr", "find")])
def test_it_can_be_asked_for_wherever_settings_are(skipline: Command, flags: tuple[str, ...]) -> None:
    plan = json.loads(skipline(*QUICK, *flags, "--dry-run", "--json").out)
    assert plan["recipe"]["optimiser"]["learning_rate"] == plan["learning_rate"]["suggestion"]


def test_where_nothing_is_found_nothing_is_trained(
    skipline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_search, "sweep_rates", lambda *_args, **_named: FLAT)
    ended = skipline(*QUICK, "--lr", "find")
    assert ended.code == 4
    assert "no learning rate was found: at no rate did the smoothed loss fall" in ended.err
    assert "skipline diagnose" in ended.err
    monkeypatch.setattr(rate_search, "sweep_rates", lambda *_args, **_named: RateSweep((), (), "not finite"))
    ended = skipline(*QUICK, "--lr", "find")
    assert ended.code == 4
    assert "the loss is not finite in the first step already" in ended.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("rate", "hint"), [("fnd", " Did you mean 'find'?"), ("FIND", " Did you mean 'find'?"), ("x", "")]
)
def test_a_rate_that_is_none_is_refused(skipline: Command, rate: str, hint: str) -> None:
    ended = skipline(*QUICK, "--lr", rate)
    assert ended.code == 2
    expected = "expected a number, or 'find' for a range test."
    assert ended.err == f"error: optimiser.learning_rate is {rate!r}; {expected}{hint}\n"
