"""`skipline race`: for real on the digits, what stands in its table, and what it says of bad input."""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from skipline.cli.given.lists import parts
from skipline.cli.output.race_table import race_table
from skipline.cli.studies.race import _reason, _too_short
from skipline.data import load
from skipline.spec import Norm
from skipline.study import RaceDesign
from skipline.study.cell import Cell
from skipline.study.net_design import NetDesign
from skipline.study.race import cells_of_race, default_inits, network_of_race
from skipline.study.result import Result
from skipline.study.training import Running
from skipline.train import PRESETS

from .conftest import Command

DIGITS = load("digits", data_dir=Path())
SMALL = ("race", "--depth", "10", "--width", "4", "--steps", "3", "--inits", "torch_default,scaled_identity(1e30)")
LONG = "zero_branch(zero_branch(he_fan_out_normal))"


@pytest.fixture(scope="module")
def cells() -> tuple[Cell, ...]:
    design = RaceDesign(
        source="digits",
        net=NetDesign(unit="residual", depth=8, width=4, norm=Norm("none")),
        inits=("orthogonal", LONG),
        rates=(0.1, 0.01),
        seeds=(0,),
        recipe=lambda network, source: replace(PRESETS["quick"](network, source), most_steps=100),
    )
    return cells_of_race(design, DIGITS)


def running(loss: float, *, step: int) -> Running:
    return Running(1, 9, step=step, num_steps=100, train_loss=loss, train_error=0.5, test_error=math.nan)


def result(cell: Cell, *, loss: float) -> Result:
    return Result(
        unit=cell.unit,
        depth=cell.depth,
        seed=cell.seed,
        model="x",
        parameters=1,
        seconds=4.0,
        status="diverged" if math.isnan(loss) else "done",
        train_error=math.nan if math.isnan(loss) else 0.031,
        train_loss=loss,
        test_error=math.nan if math.isnan(loss) else 0.042,
        curve=(),
    )


def told(cells: tuple[Cell, ...], heard: list[tuple[Cell, Running | Result]], *, is_terminal: bool) -> list[str]:
    """The last frame on a terminal of 80 columns, or the lines elsewhere."""
    file = io.StringIO()
    console = Console(
        file=file, width=80, height=24, force_terminal=is_terminal, color_system=None, legacy_windows=False
    )
    with race_table(cells, DIGITS, console=console) as table:
        for cell, state in heard:
            table.show(cell, state)
    frame = re.sub(r"\x1b\[[?0-9]*[a-zA-Z]", "", file.getvalue().rsplit("\x1b[1A", 1)[-1]).replace("\r", "")
    return [line.rstrip() for line in frame.strip("\n").split("\n")]


def test_a_row_an_initialiser_with_the_rate_that_is_ahead(cells: tuple[Cell, ...]) -> None:
    heard: list[tuple[Cell, Running | Result]] = [
        (cells[0], result(cells[0], loss=math.nan)),
        (cells[1], running(0.25, step=50)),
    ]
    frame = told(cells, heard, is_terminal=True)
    assert max(map(len, frame)) <= 80
    assert frame[0].split() == ["initialiser", "rate", "loss", "training", "test"]
    assert frame[2].split() == ["orthogonal", "0.01", "0.25", "50.00", "%", "━━━━━━━━───"], "three quarters of two"
    assert frame[3].split() == ["zero_branch(zero_branch(he_fa…", "0.1", "waiting"]
    assert "1 of 4 trained" in frame[-1]


def test_what_has_ended_and_what_diverged_at_every_rate(cells: tuple[Cell, ...]) -> None:
    heard: list[tuple[Cell, Running | Result]] = [(cell, result(cell, loss=math.nan)) for cell in cells[:2]]
    heard += [(cells[2], result(cells[2], loss=1e6)), (cells[3], result(cells[3], loss=0.75))]
    frame = told(cells, heard, is_terminal=True)
    assert frame[2].split() == ["orthogonal", "0.1", "diverged", "8.0", "s"]
    assert frame[3].split()[1:] == ["0.01", "0.75", "3.10", "%", "4.20", "%", "8.0", "s"]


def test_elsewhere_a_line_for_each_that_ends(cells: tuple[Cell, ...]) -> None:
    lines = told(
        cells,
        [(cells[0], result(cells[0], loss=1e6)), (cells[1], result(cells[1], loss=math.nan))],
        is_terminal=False,
    )
    assert lines == [
        "  1 of 4  orthogonal                      rate 0.1    seed 0  loss 1.0e+06  training error 3.10 %"
        "  test error 4.20 %  4.0 s",
        "  2 of 4  orthogonal                      rate 0.01   seed 0  diverged in epoch 1",
    ]


@pytest.mark.slow  # a race by processes; tests/study/test_race.py has the rest
def test_a_race_ends_with_a_sentence_and_a_report(skipline: Command, tmp_path: Path) -> None:
    ended = skipline(*SMALL)
    assert ended.code == 0, ended.err
    sentence, report = ended.out.splitlines()
    assert "torch_default had too few steps for a verdict" in sentence
    assert "scaled_identity(1e30) failed" in sentence
    assert "a residual net of 10 layers without a norm on digits" in sentence
    assert "exactly 10 layers, so its stages are not equal: 2, 1 and 1 blocks" in ended.err
    assert "3 steps of 128, learning rate 0.01 for all; 1 seed" in ended.err
    too_few = "3 steps are too few for a verdict: "
    assert ended.err.index(too_few) < ended.err.index(" 1 of 2 "), "before anything is trained"
    assert "From 150 steps on they are decided: --steps 150" in ended.err
    assert "diverged in epoch 1" in ended.err
    page = Path(report.split(maxsplit=1)[1])
    assert "torch_default" in page.read_text(encoding="utf-8")
    folder = page.parent
    assert re.fullmatch(r"\d{8}T\d{6}Z-race-digits-[0-9a-f]{4}", folder.name)
    again = skipline(*SMALL, "--resume", str(folder), "--json")
    document = json.loads(again.out)
    assert document["format"] == "skipline.study.race"
    assert document["sentence"] == sentence
    assert [standing["trainability"] for standing in document["standings"]] == ["undecided", "fails"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--depth", "3"), 2, "there is no depth 3: "),
        (("--steps", "0"), 2, "--steps is 0; expected at least 1."),
        (("--inits", "he"), 2, "there is no scheme 'he'."),
        (("--inits", "orthogonal,orthogonal"), 2, "inits has 'orthogonal' twice; give each once."),
        (("--unit", "dense"), 2, "--unit has 'dense'; expected 'plain' or 'residual' or 'preact'."),
        (("--norm", "batchnorm"), 2, "--norm has 'batchnorm'; expected 'batch' or 'group' or 'layer' or 'none'."),
        (("--norm", "group"), 2, "group norm needs its number of groups, e.g. --norm 'group(4)'."),
        (("--norm", "batch(4)"), 2, "--norm is 'batch(4)'; this kind takes no number. Leave (4) out."),
        (("--norm", "group(3)"), 2, "groups=3 does not divide Stem.channels[0]=8"),
        (("--activation", "leaky_relu"), 2, "a leaky ReLU needs its slope from 0 to 1, e.g. 'leaky_relu(0.2)'."),
        (("--activation", "a b"), 2, "--activation is 'a b'; expected a name, or a name with a number in brackets."),
        (("--lr", "fast"), 2, "--lr is 'fast'; expected a number for all, or auto."),
        (("--lr", "-1", "--inits", "orthogonal"), 2, "learning_rate is -1.0; expected"),
        (("--seeds", "a"), 2, "--seeds is 'a'; expected whole numbers with commas between them"),
        (
            ("--set", "init=orthogonal"),
            2,
            "init is set to 'orthogonal', but a race has its own: --inits. Leave it out.",
        ),
        (("--set", "optimiser.learning_rate=1"), 2, "but a race has its own: --lr. Leave it out."),
        (("--preset", "lecture"), 2, "--preset has 'lecture'; expected 'quick' or 'he2015'."),
        (("--unit", "plain", "--inits", "zero_branch(orthogonal)"), 2, "with its branch at zero nothing would pass"),
        (("--source", "digit"), 3, "Did you mean 'digits'?"),
        (("--resume", "nowhere"), 3, "nowhere is not the folder of a study"),
    ],
)
def test_bad_input_is_refused_in_words_and_leaves_nothing(
    skipline: Command, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    ended = skipline("race", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
    assert not (tmp_path / "runs").exists()


def test_commas_within_brackets_part_nothing() -> None:
    assert parts("a, b(1,2) ,c") == ["a", "b(1,2)", "c"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--cells", "9999"), 2, "--cells is 9999; the grid has "),
        (("--data", "nowhere"), 3, "cifar10 is not in nowhere (there is no such folder)"),
    ],
)
def test_a_calibration_that_cannot_be_leaves_nothing(
    skipline: Command, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    ended = skipline("study", "calibration", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
    assert not (tmp_path / "runs").exists()


def test_of_enough_steps_no_warning_is_given() -> None:
    assert list(_too_short(150)) == []
    assert [line.split(" are too few")[0] for line in _too_short(149)] == ["149 steps"]


def test_who_cannot_start_the_net_is_told_with_the_reason() -> None:
    """It read "left out: looks_linear. …; looks_linear needs a net that can be"."""
    design = NetDesign(unit="residual", depth=8, width=4, norm=Norm("none"))
    _, left_out = default_inits(network_of_race(design, DIGITS))
    told = [_reason(each) for each in left_out if each.init == "looks_linear"]
    assert len(told) == 1
    assert told[0].startswith(
        "looks_linear is left out, as it cannot initialise this net: residual8-none-relu: stage1.block1"
    )
    assert ", so the net cannot be linear, as looks_linear starts it. Use delta_orthogonal" in told[0]
