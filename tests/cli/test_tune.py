"""`skipline tune`, and `skipline train` as it was measured."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from skipline.cli.app import app
from skipline.cli.given.speed import with_speed
from skipline.train import PRESETS
from skipline.train.memory import step_memory
from skipline.train.processes.team import ALONE
from skipline.train.speed import precision
from skipline.train.speed.tuned import Measured, remember, speed_folder
from skipline.train.speed.tuning import Timing, noise
from skipline.train.speed.ways import Way
from skipline.zoo import describe

CPU = torch.device("cpu")
PLAIN = Way("fp32", "fp32", "contiguous", "plain")
CHANNELS_LAST = Way("fp32 channels-last", "fp32", "channels_last", "plain")
GRAPH = Way("fp32 CUDA graph", "fp32", "channels_last", "plain", step_graph=True)
MODEL = "digits_resnet8"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CC", "no-such-compiler")  # the default is then PyTorch's own operations, and quick to have
    monkeypatch.setattr(precision, "has_bf16", lambda _device: False)  # and the same on every machine


def invoked(*arguments: str, code: int = 0) -> tuple[str, str]:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=True)
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def planned(*arguments: str) -> tuple[dict[str, object], str]:
    """The recipe that would be trained, and what was said."""
    given = ("train", "digits", "--model", MODEL, "--batch-size", "32", "--device", "cpu", "--dry-run", "--json")
    stdout, stderr = invoked(*given, *arguments)
    return json.loads(stdout)["recipe"], stderr


def measured_once(*timings: Timing) -> None:
    """As if somebody had measured: NCHW is three times as fast."""
    network = describe(MODEL)
    recipe = PRESETS["quick"](network, "digits")
    remember(speed_folder(), timings, replace(recipe, batch_size=32), image_size=8, device=CPU)


TIMINGS = (
    Timing(PLAIN, 0.1, 0.2),
    Timing(CHANNELS_LAST, 0.3, 0.4),
    Timing(GRAPH, math.nan, math.nan, "does not run here"),
)


def test_tune_times_prints_and_remembers() -> None:
    stdout, stderr = invoked(
        "tune", MODEL, "--batch-size", "4", "--rounds", "1", "--way", "fp32 channels", "--device", "cpu"
    )
    assert stdout.startswith(f"{MODEL}, batches of 4 images of 8×8 on cpu\nway ")
    assert "the default, taken" in stdout
    assert "fp32 channels-last: " in stderr
    (path,) = speed_folder().glob("*.json")
    assert str(path) in stdout


def test_a_way_that_nobody_knows_is_refused() -> None:
    result = CliRunner().invoke(app, ["tune", MODEL, "--way", "warp"])
    assert "--way is 'warp', and no way has that in its name: as in tutorials, fp32, " in str(result.exception)


def test_train_takes_what_was_measured_and_says_so() -> None:
    before, said = planned("--precision", "fp32")
    assert "speed:" not in said
    measured_once(*TIMINGS)
    recipe, said = planned()
    assert recipe["memory_layout"] == "contiguous"
    assert recipe["kernels"] == "plain"
    assert recipe["precision"] == "fp32"
    assert said.startswith("speed: fp32 as measured on this machine, 3.00 times the default's speed (precision fp32, ")
    recipe, said = planned("--precision", "fp32", "--speed", "default")
    assert recipe == before
    assert "speed:" not in said


def test_what_is_given_stays_as_it_is() -> None:
    measured_once(*TIMINGS)
    recipe, said = planned("--set", "memory_layout=channels_last")
    assert recipe["memory_layout"] == "channels_last"
    assert said.startswith("speed: fp32 channels-last as measured on this machine, which is the default (")


def test_a_wrong_speed_is_refused() -> None:
    result = CliRunner().invoke(app, ["train", "digits", "--speed", "warp", "--dry-run"])
    assert "speed is 'warp'; expected one of auto, measure, default." in str(result.exception)


def never() -> Measured:
    raise AssertionError("nothing is to be measured")


@pytest.mark.parametrize(
    ("settings", "memory", "is_graphed"),
    [({}, 2.0**40, True), ({"step_graph": False}, 2.0**40, False), ({}, 2.0**20, False)],
    ids=["as it comes", "as was said", "little memory"],
)
def test_on_cuda_steps_are_graphs_where_they_fit_twice(
    settings: dict[str, object], memory: float, is_graphed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_memory, "free_memory", lambda _device: memory)
    data = noise(num_images=8, image_size=8, in_channels=1, num_classes=10)
    recipe = replace(PRESETS["quick"](describe(MODEL), "digits"), precision="fp32")
    cuda = torch.device("cuda")
    found, said = with_speed(recipe, {"speed": "default", **settings}, data, device=cuda, team=ALONE, measure=never)
    assert found == replace(recipe, step_graph=is_graphed)
    assert said == ""
