"""A small study, trained for real in two processes: what it leaves, and how it goes on and breaks off."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from skipline.data import Dataset, load
from skipline.files import StorageError
from skipline.report import depth_report
from skipline.spec import Network
from skipline.study import DepthDesign, StudyError, StudyFolder, create_study, open_study, study_depth
from skipline.study.cell import Cell
from skipline.study.cores import CoreShare
from skipline.study.design import cells_of
from skipline.study.error import CellError
from skipline.study.family import UNITS
from skipline.study.result import Result
from skipline.study.training import Running
from skipline.study.trainings import Place
from skipline.study.worker import told
from skipline.train import PRESETS, Recipe

Heard = list[tuple[Cell, Running | Result]]


def recipe(network: Network, source: str) -> Recipe:
    """The lecture's for one epoch; plain networks of 14 layers get a learning rate that nothing survives."""
    base = replace(PRESETS["lecture"](network, source), epochs=1, precision="fp32")
    if network.name == "digits_plain14":
        return replace(base, optimiser=replace(base.optimiser, learning_rate=1e6))
    return base


DESIGN = DepthDesign(source="digits", family="digits", units=UNITS, depths=(8, 14), seeds=(0,), recipe=recipe)


@dataclass(frozen=True)
class Study:
    """A study that has ended, and what was heard of it on the way."""

    document: dict[str, Any]
    folder: StudyFolder
    heard: Heard


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits", data_dir=Path())


def place_in(folder: StudyFolder, *, jobs: int) -> Place:
    share = CoreShare(jobs=jobs, threads=1)
    return Place(
        folder=folder, data_dir=Path(), device=torch.device("cpu"), share=share, command="skipline study depth digits"
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, digits: Dataset) -> Study:
    heard: Heard = []
    folder = create_study(tmp_path_factory.mktemp("runs"), "depth", "digits")
    document = study_depth(
        DESIGN, digits, place=place_in(folder, jobs=2), show=lambda cell, state: heard.append((cell, state))
    )
    return Study(document, folder, heard)


def test_every_cell_is_in_the_file(study: Study) -> None:
    document = study.document
    assert (document["format"], document["version"]) == ("skipline.study.depth", 1)
    assert (document["source"], document["num_train"], document["num_test"]) == ("digits", 1437, 360)
    assert document["command"] == "skipline study depth digits"
    assert (document["environment"]["threads"], document["environment"]["jobs"]) == (1, 2)
    assert [(cell["unit"], cell["depth"], cell["seed"], cell["model"]) for cell in document["cells"]] == [
        ("plain", 8, 0, "digits_plain8"),
        ("plain", 14, 0, "digits_plain14"),
        ("residual", 8, 0, "digits_resnet8"),
        ("residual", 14, 0, "digits_resnet14"),
    ]
    assert [entry["alpha"] for entry in document["linear"]] == [0.5, 1.5]
    assert [claim["name"] for claim in document["claims"]] == ["plain_rises", "residual_stays", "training_error"]
    assert document["seconds"] > 0


def test_the_file_reads_as_it_was_returned_and_the_report_takes_it(study: Study) -> None:
    read = json.loads(study.folder.document.read_text(encoding="utf-8"))
    assert read["sentence"] == study.document["sentence"]
    assert read["cells"][1]["train_error"] == "NaN", "JSON has no number for it"
    assert study.document["sentence"] in depth_report(read).replace("\N{NO-BREAK SPACE}", " ")


def test_final_errors_are_counts_over_the_whole_sets(study: Study) -> None:
    for cell in study.document["cells"]:
        if cell["status"] == "done":
            assert cell["train_error"] * 1437 == pytest.approx(round(cell["train_error"] * 1437))
            assert cell["test_error"] * 360 == pytest.approx(round(cell["test_error"] * 360))
            assert 0 <= cell["train_error"] < 0.95  # better than guessing, after one epoch
            assert cell["curve"][-1]["test_error"] == cell["test_error"]
            assert [point["epoch"] for point in cell["curve"]] == [1]


def test_a_training_that_diverges_is_a_result(study: Study) -> None:
    lost = study.document["cells"][1]
    assert lost["status"] == "diverged"
    assert math.isnan(lost["train_error"])
    assert lost["curve"] == ()
    claim = study.document["claims"][0]
    assert claim["verdict"] == "undecided"
    assert "trainings diverged (1 of 1 at 14 layers)" in claim["sentence"]


def test_what_the_recipes_share_is_said_once_and_where_they_differ_by_what(study: Study) -> None:
    shared = study.document["recipe"]
    assert shared["epochs"] == 1
    assert shared["seed"] == [0]
    assert shared["init"] == {"plain": "he_fan_out_normal", "residual": "zero_branch(he_fan_out_normal)"}
    rates = {model: optimiser["learning_rate"] for model, optimiser in shared["optimiser"].items()}
    assert rates == {"digits_plain8": 0.1, "digits_plain14": 1e6, "digits_resnet8": 0.1, "digits_resnet14": 0.1}
    assert "network" not in shared


def test_the_longest_begin_first_and_all_are_heard_of(study: Study) -> None:
    started = list(dict.fromkeys(cell.depth for cell, _ in study.heard))
    assert started == [14, 8]
    ended = [cell.title for cell, state in study.heard if isinstance(state, Result)]
    assert sorted(ended) == ["plain 14, seed 0", "plain 8, seed 0", "residual 14, seed 0", "residual 8, seed 0"]
    last = [state for cell, state in study.heard if cell.title == "residual 8, seed 0" and isinstance(state, Running)]
    assert last[-1].fraction == 1.0
    assert (last[-1].epoch, last[-1].num_epochs) == (1, 1)


def test_every_cell_is_a_run_like_any_other(study: Study) -> None:
    runs = sorted(path.parent for path in study.folder.runs.glob("*/resolved.json"))
    assert len(runs) == 4
    assert sum((run / "DONE").exists() for run in runs) == 3
    assert sum((run / "FAILED.json").exists() for run in runs) == 1
    assert {(run / "config.toml").read_text() for run in runs} == {"# part of: skipline study depth digits\n"}


def test_no_process_is_left(study: Study) -> None:
    assert multiprocessing.active_children() == []


def test_what_has_ended_is_not_trained_again(study: Study, digits: Dataset) -> None:
    heard: Heard = []
    before = {path: path.stat().st_mtime_ns for path in study.folder.runs.rglob("*")}
    again = study_depth(
        DESIGN,
        digits,
        place=place_in(open_study(study.folder.path), jobs=2),
        show=lambda cell, state: heard.append((cell, state)),
    )
    assert json.dumps(again["cells"]) == json.dumps(study.document["cells"])
    assert all(isinstance(state, Result) for _, state in heard)
    assert {path: path.stat().st_mtime_ns for path in study.folder.runs.rglob("*")} == before


def test_a_study_that_an_older_version_began_is_found(study: Study, digits: Dataset, tmp_path: Path) -> None:
    """Its recipes lack the settings that have come since; their defaults are what it was begun with."""
    folder = StudyFolder(tmp_path)
    shutil.copytree(study.folder.runs, folder.runs)
    for path in folder.runs.glob("*/resolved.json"):
        recipe = json.loads(path.read_text())
        del recipe["most_steps"], recipe["loss_every"]
        path.write_text(json.dumps(recipe))
    assert len(folder.find(cells_of(DESIGN, digits), fingerprint=digits.fingerprint())) == 4


def test_another_study_is_not_mixed_in(study: Study, digits: Dataset) -> None:
    other = replace(DESIGN, recipe=lambda network, source: replace(recipe(network, source), epochs=2))
    with pytest.raises(StudyError, match="holds another study: none of its 4 trainings has the settings asked for now"):
        study_depth(other, digits, place=place_in(study.folder, jobs=1), show=_ignore)


def test_other_data_under_the_same_name_are_refused(study: Study, digits: Dataset) -> None:
    changed = replace(digits, test=replace(digits.test, labels=digits.test.labels.flip(0)))
    with pytest.raises(StudyError, match=r"was trained on other data than digits holds now\. Pass --data"):
        study_depth(DESIGN, changed, place=place_in(study.folder, jobs=1), show=_ignore)


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"is not the folder of a study: it has no folder runs/"):
        open_study(tmp_path)


@pytest.mark.slow  # a process imports torch and trains; what one raises itself comes the same way, below
def test_a_process_that_is_killed_is_an_error_that_names_its_cell(tmp_path: Path, digits: Dataset) -> None:
    def kill(cell: Cell, state: Running | Result) -> None:
        for process in multiprocessing.active_children():
            assert process.pid
            os.kill(process.pid, signal.SIGKILL)

    long = replace(DESIGN, units=("residual",), recipe=lambda net, source: replace(recipe(net, source), epochs=1000))
    with pytest.raises(CellError) as raised:
        study_depth(long, digits, place=place_in(create_study(tmp_path, "depth", "digits"), jobs=1), show=kill)
    assert str(raised.value) == (
        "residual 14, seed 0: its process was killed from outside (SIGKILL). If nobody did that, the machine may have "
        "run out of memory: train fewer networks at a time, with --jobs 1."
    )
    assert multiprocessing.active_children() == []


def test_what_a_process_raises_comes_through_with_its_cell(tmp_path: Path, digits: Dataset) -> None:
    folder = create_study(tmp_path, "depth", "digits")
    folder.runs.rmdir()
    folder.runs.write_text("a file where the folder of runs should be")
    with pytest.raises(StorageError, match=r"plain 14, seed 0: cannot write .*/runs"):
        study_depth(DESIGN, digits, place=place_in(folder, jobs=1), show=_ignore)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (StorageError("cannot write x: it is full."), StorageError, "plain 8, seed 0: cannot write x: it is full."),
        (MemoryError("no room"), MemoryError, "plain 8, seed 0: no room. Train fewer networks at a time: --jobs 1."),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            MemoryError,
            "plain 8, seed 0: DefaultCPUAllocator: can't allocate memory. Train fewer networks at a time: --jobs 1.",
        ),
        (ZeroDivisionError("division by zero"), CellError, "plain 8, seed 0: ZeroDivisionError: division by zero"),
    ],
)
def test_how_an_error_is_told(
    error: Exception, kind: type[Exception], message: str, describe_cell: Callable[[], Cell]
) -> None:
    carried = told(error, describe_cell())
    assert (type(carried), str(carried)) == (kind, message)
    assert type(error).__name__ in carried.__notes__[0], "the traceback of the process goes along"


@pytest.fixture
def describe_cell(digits: Dataset) -> Callable[[], Cell]:
    return lambda: cells_of(DESIGN, digits)[0]


def _ignore(cell: Cell, state: Running | Result) -> None: ...
