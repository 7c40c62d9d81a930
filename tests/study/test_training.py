"""One cell of a study in this process: taken up again it gives the very same, and its folder is found again."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from skipline.data import load
from skipline.study import DepthDesign, create_study
from skipline.study.cell import Cell
from skipline.study.design import cells_of
from skipline.study.folder import read_result
from skipline.study.training import Running, train_cell
from skipline.train import PRESETS, Interrupted, RunError, RunFolder, start, train

CPU = torch.device("cpu")
DIGITS = load("digits", data_dir=Path())
DESIGN = DepthDesign(
    source="digits",
    family="digits",
    units=("residual",),
    depths=(8, 14),
    seeds=(0,),
    recipe=lambda network, source: replace(PRESETS["lecture"](network, source), epochs=3, precision="fp32"),
)


@pytest.fixture
def cell() -> Cell:
    return cells_of(DESIGN, DIGITS)[0]


def begun(cell: Cell, root: Path) -> RunFolder:
    """A run of `cell` that was stopped in its second epoch."""
    run = start(cell.recipe, DIGITS, root=root, device=CPU, config="", data_dir=Path())
    steps = iter(range(100))
    with pytest.raises(Interrupted):
        train(
            cell.recipe, DIGITS, folder=run, device=CPU, show=lambda _: None, should_stop=lambda: next(steps) == 17
        )  # of 12 steps an epoch
    return run


def test_what_was_begun_goes_on_and_gives_the_same(cell: Cell, tmp_path: Path) -> None:
    folder = create_study(tmp_path, "depth", "digits")
    run = begun(cell, folder.runs)
    assert read_result(run) is None
    found = folder.find(cells_of(DESIGN, DIGITS), fingerprint=DIGITS.fingerprint())
    assert found == {cell: run}
    shown: list[Running] = []
    going_on = train_cell(
        cell, DIGITS, run=run, root=folder.runs, data_dir=Path(), device=CPU, config="", show=shown.append
    )
    whole = train_cell(
        cell, DIGITS, run=None, root=tmp_path, data_dir=Path(), device=CPU, config="", show=lambda _: None
    )
    assert shown[0].fraction > 17 / 36
    assert shown[-1] == replace(shown[-1], epoch=3, num_epochs=3, step=36, num_steps=36)
    assert replace(going_on, seconds=0.0) == replace(whole, seconds=0.0)
    assert read_result(run) == going_on, "it comes back from the file as it was"
    assert [point.epoch for point in going_on.curve] == [1, 2, 3]


def test_a_run_that_ended_before_its_result_was_written_is_only_looked_at(cell: Cell, tmp_path: Path) -> None:
    done = train_cell(
        cell, DIGITS, run=None, root=tmp_path, data_dir=Path(), device=CPU, config="", show=lambda _: None
    )
    (run,) = (RunFolder(path.parent) for path in tmp_path.glob("*/resolved.json"))
    (run.path / "cell.json").unlink()
    shown: list[Running] = []
    again = train_cell(cell, DIGITS, run=run, root=tmp_path, data_dir=Path(), device=CPU, config="", show=shown.append)
    assert (shown, replace(again, seconds=0.0)) == ([], replace(done, seconds=0.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": "skipline.study.cell", "version": 2}', "is 'skipline.study.cell' version 2; expected"),
        (
            '{"format": "skipline.study.cell", "version": 1, "unit": "plain", "status": "done"}',
            r"is broken \(KeyError: 'depth'\)",
        ),
        (
            '{"format": "skipline.study.cell", "version": 1, "unit": "plain", "status": "lost"}',
            r"is broken \(ValueError: unit 'plain' with status 'lost'\)",
        ),
        ("{", "cannot be read"),
    ],
)
def test_a_broken_result_says_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "cell.json").write_text(text)
    with pytest.raises(RunError, match=message):
        read_result(RunFolder(tmp_path))


def test_final_errors_are_not_the_running_ones(cell: Cell, tmp_path: Path) -> None:
    """The running error of an epoch counts mistakes of nets that were still learning; the final one does not."""
    result = train_cell(
        cell, DIGITS, run=None, root=tmp_path, data_dir=Path(), device=CPU, config="", show=lambda _: None
    )
    assert result.train_error < result.curve[-1].train_error
    assert math.isfinite(result.train_loss)
