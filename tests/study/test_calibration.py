"""The calibration grid: its cells, a few of them trained for real, and judges held to what came out."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from skipline.data import Dataset
from skipline.init import Scheme
from skipline.report import calibration_markdown, calibration_report
from skipline.signal.verdict import Verdict
from skipline.spec import Network, Norm
from skipline.study import calibrate, create_study
from skipline.study import grid as grid_module
from skipline.study.calibrated import Attempt, Calibrated, calibrated_from_json, calibrated_to_json
from skipline.study.cell import Cell
from skipline.study.confusion import confusion_of
from skipline.study.cores import CoreShare
from skipline.study.grid import CIFAR, DIGITS, GRID, GridCell, Learning, Slab, grid_cells, spread_over
from skipline.study.net_design import NetDesign
from skipline.study.result import Result
from skipline.study.training import Running
from skipline.study.trainings import Place, Show

NONE = Norm("none")


def cell(init: str, *, depth: int = 8, unit: Any = "residual", learning: Learning = DIGITS) -> GridCell:
    net = NetDesign(unit=unit, depth=depth, width=8, norm=NONE)
    return GridCell(learning=learning, net=net, init=init)


def came_out(init: str, word: Verdict, *, depth: int = 8) -> Calibrated:
    attempt = Attempt(
        learning_rate=0.1,
        trainability=word,
        num_steps=150,
        start_loss=2.3,
        train_loss=math.nan if word == "fails" else 0.5,
        train_error=math.nan if word == "fails" else 0.1,
        test_error=0.2,
        seconds=1.0,
    )
    return Calibrated(cell(init, depth=depth), (attempt,))


def test_the_grid_is_as_large_as_it_must_be_and_asks_nothing_twice() -> None:
    cells = grid_cells()
    assert len(cells) >= 300
    assert len(set(cells)) == len(cells)
    assert {each.learning.images.source for each in cells} == {"digits", "cifar10"}
    assert {each.net.unit for each in cells} == {"plain", "residual", "preact"}
    assert {"none", "batch"} <= {each.net.norm.kind for each in cells}
    assert {each.net.depth for each in cells} >= {8, 20, 56, 100}


def test_a_slab_is_every_combination_that_can_start() -> None:
    """Two units, two depths, two initialisers, of which one cannot start plain blocks: 4 + 2."""
    slab = Slab(
        learning=DIGITS,
        inits=("orthogonal", "zero_branch(orthogonal)"),
        depths=(8, 14),
        norms=(NONE,),
        units=("plain", "residual"),
    )
    found = [(each.net.unit, each.net.depth, each.init) for each in slab.cells()]
    assert found == [
        ("plain", 8, "orthogonal"),
        ("plain", 14, "orthogonal"),
        ("residual", 8, "orthogonal"),
        ("residual", 8, "zero_branch(orthogonal)"),
        ("residual", 14, "orthogonal"),
        ("residual", 14, "zero_branch(orthogonal)"),
    ]


def test_what_is_said_of_the_images_is_so() -> None:
    digits = DIGITS.images.load(Path())
    assert (digits.in_channels, digits.image_size, digits.num_classes) == (
        DIGITS.in_channels,
        DIGITS.image_size,
        grid_module.NUM_CLASSES,
    )
    (cifar,) = {each.learning for each in grid_cells() if each.learning != DIGITS}
    assert cifar == CIFAR
    assert GridCell(learning=CIFAR, net=replace(NET, stem_stride=2), init="orthogonal").network.stride == 8


NET = NetDesign(unit="residual", depth=8, width=8, norm=NONE)


def test_a_few_spread_over_all() -> None:
    cells = grid_cells(GRID)
    few = spread_over(cells, 20)
    assert len(set(few)) == 20
    places = [cells.index(each) for each in few]
    assert places == sorted(places)
    gaps = [later - earlier for earlier, later in itertools.pairwise(places)]
    assert max(gaps) - min(gaps) <= 1
    assert spread_over(cells[:3], 20) == cells[:3]


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Three cells of depth 8 in ten steps, calibrated, interrupted, and calibrated again in the same folder."""
    short = replace(DIGITS, steps=10)
    cells = tuple(
        cell(init, learning=short) for init in ("he_fan_in_normal", "torch_default", "scaled_identity(1e+30)")
    )
    folder = create_study(tmp_path_factory.mktemp("runs"), "calibration", "grid")
    place = Place(
        folder=folder, data_dir=Path(), device=torch.device("cpu"), share=CoreShare(1, 1), command="skipline study"
    )
    datasets = {"digits": DIGITS.images.load(Path())}
    heard: list[Running | Result] = []

    @contextlib.contextmanager
    def stopping(trainings: Sequence[Cell], dataset: Dataset) -> Iterator[Show]:
        def show(_cell: Cell, state: Running | Result) -> None:
            if isinstance(state, Result):
                raise KeyboardInterrupt

        yield show

    @contextlib.contextmanager
    def watching(trainings: Sequence[Cell], dataset: Dataset) -> Iterator[Show]:
        yield lambda _cell, state: heard.append(state)

    with pytest.raises(KeyboardInterrupt):
        calibrate(cells, datasets, place=place, judges={}, watch=stopping)
    kept = list(folder.path.rglob("cell.json"))
    document = calibrate(cells, datasets, place=place, judges={"hope": hope}, watch=watching)
    return {"document": document, "kept": kept, "heard": heard, "folder": folder}


def hope(network: Network, scheme: Scheme, /, *, image_size: int) -> Verdict:
    """Everything trains."""
    assert image_size == 8
    return "trains"


@pytest.mark.slow  # trainings in processes, stopped and taken up
@pytest.mark.xdist_group("calibration")
def test_what_had_ended_is_not_trained_again(calibration: dict[str, Any]) -> None:
    (kept,) = calibration["kept"]
    assert isinstance(calibration["heard"][0], Result), "it is told first, before anything goes on"
    assert len(list(calibration["folder"].path.rglob("cell.json"))) == 6, "three cells at two rates"
    assert kept.exists()


@pytest.mark.slow  # trainings in processes, stopped and taken up
@pytest.mark.xdist_group("calibration")
def test_every_rate_is_tried_until_one_trains(calibration: dict[str, Any]) -> None:
    """In ten steps none does, so each cell has both rates, and the one that explodes fails at either."""
    document = calibration["document"]
    for entry in document["cells"]:
        assert [attempt["learning_rate"] for attempt in entry["attempts"]] == [0.1, 0.01]
    lost = document["cells"][2]
    assert lost["trainability"] == "fails"
    assert [attempt["num_steps"] for attempt in lost["attempts"]] == [0, 0]
    assert not math.isfinite(lost["attempts"][0]["start_loss"])
    finite = document["cells"][1]["attempts"]
    assert finite[0]["start_loss"] == finite[1]["start_loss"], "the same net and the same first batch"
    assert (document["images"][0]["source"], document["images"][0]["num_train"]) == ("digits", 1437)


@pytest.mark.slow  # trainings in processes, stopped and taken up
@pytest.mark.xdist_group("calibration")
def test_the_judge_is_held_to_it_in_the_file(calibration: dict[str, Any]) -> None:
    document = json.loads(calibration["folder"].document.read_text(encoding="utf-8"))
    (judged,) = document["judged"]
    assert (judged["judge"], judged["num_cells"]) == ("hope", 3)
    assert sum(judged["counts"][0]) == 3
    assert len(judged["disagreements"]) == 3
    assert "hope" in calibration_report(document)
    assert "| predicted: trains |" in calibration_markdown(document)


@pytest.mark.slow  # trainings in processes, stopped and taken up
@pytest.mark.xdist_group("calibration")
def test_a_cell_comes_back_from_the_file(calibration: dict[str, Any]) -> None:
    document = json.loads(calibration["folder"].document.read_text(encoding="utf-8"))
    for entry in document["cells"]:
        again = json.loads(json.dumps(entry))
        assert str(calibrated_to_json(calibrated_from_json(again))["init"]) == entry["init"]
    whole = came_out("orthogonal", "trains", depth=20)
    assert calibrated_from_json(json.loads(json.dumps(calibrated_to_json(whole)))) == whole


def test_an_unknown_word_is_refused() -> None:
    entry = calibrated_to_json(came_out("orthogonal", "trains"))
    entry["attempts"][0]["trainability"] = "hopes"
    with pytest.raises(ValueError, match="trainability 'hopes'"):
        calibrated_from_json(entry)


def by_depth(network: Network, scheme: Scheme, /, *, image_size: int) -> Verdict:
    """A fake judge: shallow nets train, deep ones fail, and what is orthogonal degrades."""
    if scheme.name == "orthogonal":
        return "degrades"
    return "trains" if network.depth < 20 else "fails"


def test_the_confusion_counted_by_hand() -> None:
    confusion = confusion_of(
        [
            came_out("torch_default", "trains"),  # right
            came_out("he_fan_in_normal", "trains", depth=20),  # said: fails
            came_out("torch_default", "fails", depth=20),  # right
            came_out("orthogonal", "fails"),  # said: degrades
        ],
        by_depth,
    )
    assert dict(confusion.counts) == {
        ("trains", "trains"): 1,
        ("fails", "trains"): 1,
        ("fails", "fails"): 1,
        ("degrades", "fails"): 1,
    }
    assert confusion.agreement == 0.5
    assert confusion.agreement_on_training == 0.75, "that it does not train was right of the orthogonal one"
    assert confusion.to_json("by depth") == {
        "judge": "by depth",
        "num_cells": 4,
        "agreement": 0.5,
        "agreement_on_training": 0.75,
        "counts": [[1, 0, 0], [0, 0, 1], [1, 0, 1]],
        "disagreements": [
            {"cell": "digits residual20-none-relu from he_fan_in_normal", "predicted": "fails", "actual": "trains"},
            {"cell": "digits residual8-none-relu from orthogonal", "predicted": "degrades", "actual": "fails"},
        ],
    }


def test_nothing_to_judge_is_said() -> None:
    with pytest.raises(ValueError, match="there is no cell to judge; calibrate some first: skipline study calibration"):
        confusion_of([], by_depth)
