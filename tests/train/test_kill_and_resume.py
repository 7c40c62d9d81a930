"""A run that is killed, again and again and at any moment, ends with the bits of one that was not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from skipline.train import RunFolder
from skipline.weights import read_tensors

pytestmark = [
    pytest.mark.slow,  # 25 processes are killed; tests/train/test_resume_exactly.py stops in the process itself
    pytest.mark.skipif(sys.platform == "win32", reason="this system cannot fork"),
    pytest.mark.xdist_group("kill and resume"),  # one process: the runs are made once for all of its tests
]

SEED = 22  # of the moments; the test holds for any


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `killed_run.py` did."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, str(Path(__file__).with_name("killed_run.py")), str(folder), str(SEED)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def whole_run(report: dict[str, Any]) -> RunFolder:
    return RunFolder(Path(report["whole"]["runs"][0]))


def killed_runs(report: dict[str, Any]) -> list[RunFolder]:
    return [RunFolder(Path(run)) for kind in ("moments", "calls", "sizes") for run in report[kind]["runs"]]


def test_processes_were_killed_at_all_kinds_of_moments(report: dict[str, Any]) -> None:
    """From outside at random; before a sync or a rename of each kind of file; in the middle of writing a checkpoint."""
    assert len(report["moments"]["deaths"]) >= 10
    assert len(report["calls"]["deaths"]) >= 10
    left = {name for death in report["calls"]["deaths"] for name in death}
    assert {"checkpoint", "metrics"} <= left
    torn = [death["checkpoint"] for death in report["sizes"]["deaths"]]
    assert len(torn) >= 3
    assert all(0 < size < report["size"] for size in torn)


def test_the_recipe_proves_what_it_is_there_for(
    report: dict[str, Any], metrics_without_times: Callable[[RunFolder], list[dict[str, Any]]]
) -> None:
    """The warm-up is over before the end and not at the start, and the checkpoint holds every kind of state."""
    rates = [line["learning_rate"] for line in metrics_without_times(whole_run(report))]
    assert rates[0] == pytest.approx(0.005)
    assert rates[-1] == pytest.approx(0.05)
    header, tensors = read_tensors(whole_run(report).checkpoint)
    assert {name.split("/")[0] for name in tensors} == {"net", "average", "optimiser", "start"}
    assert header["progress"]["is_released"]


def test_the_models_are_the_same_bytes(report: dict[str, Any]) -> None:
    expected = whole_run(report)
    for run in killed_runs(report):
        assert run.model.read_bytes() == expected.model.read_bytes(), run.name
        assert run.best_model.read_bytes() == expected.best_model.read_bytes(), run.name
        assert (run.path / "MODEL_CARD.md").read_bytes() == (expected.path / "MODEL_CARD.md").read_bytes()
        assert run.is_done


def test_the_metrics_are_the_same_but_for_the_times(
    report: dict[str, Any], metrics_without_times: Callable[[RunFolder], list[dict[str, Any]]]
) -> None:
    expected = metrics_without_times(whole_run(report))
    assert len(expected) == 6
    for run in killed_runs(report):
        assert metrics_without_times(run) == expected, run.name


def test_what_was_read_of_the_layers_is_the_same_bytes(report: dict[str, Any]) -> None:
    expected = whole_run(report)
    assert len(expected.read_layers()) == 9
    for run in killed_runs(report):
        assert run.layers.read_bytes() == expected.layers.read_bytes(), run.name


def test_the_last_checkpoints_hold_the_same(report: dict[str, Any]) -> None:
    header, tensors = read_tensors(whole_run(report).checkpoint)
    for run in killed_runs(report):
        found_header, found = read_tensors(run.checkpoint)
        del found_header["progress"]["seconds"]
        assert found_header["progress"].items() <= header["progress"].items(), run.name
        assert found.keys() == tensors.keys()
        assert [name for name in tensors if not torch.equal(found[name], tensors[name])] == [], run.name


def test_nothing_half_written_is_left(report: dict[str, Any]) -> None:
    for run in killed_runs(report):
        assert list(run.path.rglob("*.partial")) == []  # hidden ones too
