"""`skipline demo` asks for the lecture's experiment, and says first what is going to happen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skipline.cli.studies import depth
from skipline.study import DepthDesign
from skipline.study.design import cells_of

from .conftest import Command


def test_it_is_the_lectures_experiment_on_the_digits(skipline: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[DepthDesign, Any, dict[str, Any]]] = []
    monkeypatch.setattr(depth, "run_depth_study", lambda design, data, **rest: asked.append((design, data, rest)))
    ended = skipline("demo", "--jobs", "2")
    assert ended.code == 0, ended.err
    design, dataset, rest = asked[0]
    setting = rest["setting"]
    assert (setting.out, setting.device.type, setting.jobs) == (Path("runs"), "cpu", 2)
    cells = cells_of(design, dataset)
    assert len(cells) == 16
    assert sorted({cell.depth for cell in cells}) == [8, 20, 56, 110]
    assert {cell.seed for cell in cells} == {0, 1}
    assert {cell.recipe.precision for cell in cells} == {"fp32"}
    assert {(cell.unit, cell.recipe.init) for cell in cells} == {
        ("plain", "he_fan_out_normal"),
        ("residual", "zero_branch(he_fan_out_normal)"),
    }
    skipline("study", "depth", "digits", "--seeds", "0,1", "--precision", "fp32", "--device", "cpu")
    same, _, same_rest = asked[1]
    assert cells_of(same, dataset) == cells, "the help names this command"
    assert same_rest["setting"].device == setting.device
    assert ended.err.startswith(
        "Is deeper better? Plain and residual networks of 8, 20, 56 and 110 layers learn to read handwritten digits: "
        "16 trainings, one to two minutes on two cores."
    )
