"""The live table of a study: what stands in it, and what is printed where it cannot be live."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path

import pytest
from rich.console import Console

from skipline.cli.output.depth_study_table import depth_table
from skipline.data import load
from skipline.study import DepthDesign
from skipline.study.cell import Cell
from skipline.study.design import cells_of
from skipline.study.family import UNITS
from skipline.study.result import Result
from skipline.study.training import Running
from skipline.train import PRESETS

DIGITS = load("digits", data_dir=Path())


@pytest.fixture(scope="module")
def cells() -> tuple[Cell, ...]:
    design = DepthDesign(
        source="digits", family="digits", units=UNITS, depths=(8, 110), seeds=(0, 1), recipe=PRESETS["lecture"]
    )
    return cells_of(design, DIGITS)


def result(cell: Cell, *, train_error: float, seconds: float = 12.4) -> Result:
    is_done = not math.isnan(train_error)
    return Result(
        unit=cell.unit,
        depth=cell.depth,
        seed=cell.seed,
        model=cell.recipe.network.name,
        parameters=1,
        seconds=seconds,
        status="done" if is_done else "diverged",
        train_error=train_error,
        train_loss=1.0,
        test_error=train_error + 0.01,
        curve=(),
    )


def running(epoch: int) -> Running:
    """At the end of `epoch` of ten."""
    return Running(epoch, 10, step=12 * epoch, num_steps=120, train_loss=1.0, train_error=0.03, test_error=math.nan)


def console_of(width: int, *, is_terminal: bool) -> Console:
    return Console(
        file=io.StringIO(), width=width, height=24, force_terminal=is_terminal, color_system=None, legacy_windows=False
    )


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def last_frame(console: Console) -> list[str]:
    """The lines that stay on the screen: all that was drawn after the cursor last went up."""
    frame = text_of(console).rsplit("\x1b[1A", 1)[-1]
    return [
        line.rstrip() for line in re.sub(r"\x1b\[[?0-9]*[a-zA-Z]", "", frame).replace("\r", "").strip("\n").split("\n")
    ]


def drawn(console: Console, cells: tuple[Cell, ...], heard: list[tuple[Cell, Running | Result]]) -> list[str]:
    with depth_table(cells, DIGITS, console=console) as table:
        for cell, state in heard:
            table.show(cell, state)
    return last_frame(console)


def of(cells: tuple[Cell, ...], unit: str, depth: int) -> list[Cell]:
    return [cell for cell in cells if (cell.unit, cell.depth) == (unit, depth)]


def test_units_stand_side_by_side_in_80_columns(cells: tuple[Cell, ...]) -> None:
    heard: list[tuple[Cell, Running | Result]] = [
        (of(cells, "plain", 110)[0], result(of(cells, "plain", 110)[0], train_error=0.88)),
        (of(cells, "plain", 110)[1], result(of(cells, "plain", 110)[1], train_error=0.90)),
        (of(cells, "residual", 110)[0], running(5)),
    ]
    frame = drawn(console_of(80, is_terminal=True), cells, heard)
    assert max(map(len, frame)) < 80
    assert frame[0].split() == ["plain", "y", "=", "relu(f(x))", "residual", "y", "=", "relu(x", "+", "f(x))"]
    shallow, deep = (line for line in frame if line.split()[:1] in (["8"], ["110"]))
    assert shallow.split() == ["8", "waiting", "waiting"]
    assert deep.split() == ["110", "89.00", "%", "90.00", "%", "12", "s", "3.00", "%", "━━━────────"]
    assert "2 of 8 trained" in frame[-1]


def test_units_stand_one_below_the_other_where_there_is_no_room(cells: tuple[Cell, ...]) -> None:
    frame = drawn(console_of(60, is_terminal=True), cells, [])
    assert max(map(len, frame)) < 60
    assert [line.split()[0] for line in frame if "relu" in line] == ["plain", "residual"]


def test_what_diverged_says_so(cells: tuple[Cell, ...]) -> None:
    both, one = of(cells, "plain", 110), of(cells, "plain", 8)
    heard: list[tuple[Cell, Running | Result]] = [(cell, result(cell, train_error=math.nan)) for cell in both]
    heard += [(one[0], result(one[0], train_error=0.5)), (one[1], result(one[1], train_error=math.nan))]
    frame = drawn(console_of(80, is_terminal=True), cells, heard)
    shallow, deep = (line for line in frame if line.split()[:1] in (["8"], ["110"]))
    assert deep.split()[:2] == ["110", "diverged"]
    assert shallow.split()[:7] == ["8", "50.00", "%", "51.00", "%", "1", "diverged"]


def test_elsewhere_it_is_a_line_for_every_training_that_ends(cells: tuple[Cell, ...]) -> None:
    console = console_of(80, is_terminal=False)
    first, second = of(cells, "plain", 110)
    with depth_table(cells, DIGITS, console=console) as table:
        table.show(first, running(1))
        table.show(first, result(first, train_error=0.8887, seconds=3.21))
        table.show(second, result(second, train_error=math.nan))
    assert text_of(console).splitlines() == [
        "  1 of 8  plain      110 layers  seed 0  training error  88.87 %  test error  89.87 %   3.2 s",
        "  2 of 8  plain      110 layers  seed 1  diverged in epoch 1",
    ]


def test_a_dumb_terminal_is_no_place_for_a_live_table(cells: tuple[Cell, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    console = console_of(80, is_terminal=True)
    cell = cells[0]
    with depth_table(cells, DIGITS, console=console) as table:
        table.show(cell, result(cell, train_error=0.0))
    assert "\x1b" not in text_of(console)
    assert "1 of 8" in text_of(console)
