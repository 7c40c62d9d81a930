"""The live table of a run: what stands in it, and what is printed where it cannot be live."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from skipline.cli.output.run_table import MOST_WARNINGS, RunTable
from skipline.signal import EarlyWarning
from skipline.signal.verdict import Verdict
from skipline.train import Recipe, Snapshot
from skipline.zoo import describe

NETWORK = describe("digits_resnet20", num_classes=10, in_channels=1)


def snapshot(step: int, *, test_error: float = 0.25, num_epochs: int = 20) -> Snapshot:
    """After `step` steps of ten an epoch."""
    return Snapshot(
        step=step,
        num_steps=10 * num_epochs,
        epoch=math.ceil(step / 10),
        num_epochs=num_epochs,
        ends_epoch=step % 10 == 0,
        learning_rate=0.1,
        train_loss=0.51234,
        train_error=0.125,
        test_error=test_error,
        images_per_second=1234.0,
        seconds=61.0,
        seconds_left=185.0,
        image_side=24,
    )


def never() -> bool:
    return False


def drawn(
    snapshots: Iterable[Snapshot],
    *,
    is_terminal: bool,
    first_size: float = 1.0,
    is_stopping: Callable[[], bool] = never,
    height: int = 24,
) -> list[str]:
    """The head line, and the lines that stay: all that was drawn after the cursor last went up."""
    file = io.StringIO()
    console = Console(
        file=file, width=80, height=height, force_terminal=is_terminal, color_system=None, legacy_windows=False
    )
    recipe = Recipe(network=NETWORK, source="digits", epochs=20, first_size=first_size)
    cpu = torch.device("cpu")
    with RunTable(recipe, "digits", Path("runs/a"), device=cpu, console=console, is_stopping=is_stopping) as table:
        for each in snapshots:
            table.show(each)
    head, folder, body = file.getvalue().split("\n", 2)
    assert folder.strip() == "folder runs/a"
    frame = re.sub(r"\x1b\[[?0-9]*[a-zA-Z]", "", body.rsplit("\x1b[1A", 1)[-1]).replace("\r", "").strip("\n")
    return [head, *(line.rstrip() for line in frame.split("\n"))]


def test_a_row_for_each_epoch_and_one_for_now() -> None:
    head, titles, first, now, bar = drawn([snapshot(10), snapshot(14, test_error=math.nan)], is_terminal=True)
    assert head == "digits_resnet20 · 67,906 parameters · digits · 20 epochs"
    assert titles.split() == ["epoch", "loss", "training", "error", "test", "error", "images/s"]
    assert first.split() == ["1/20", "0.5123", "12.50", "%", "25.00", "%", "1,234"]
    assert now.split() == ["2/20", "0.5123", "12.50", "%", "—", "1,234"]
    assert "step 14 of 200 · 1 min 01 s · 3 min 05 s left" in bar


def test_where_images_grow_their_side_is_said() -> None:
    _, titles, first, _, _ = drawn([snapshot(10), snapshot(14)], is_terminal=True, first_size=0.5)
    assert titles.split()[:3] == ["epoch", "pixels", "loss"]
    assert first.split()[:3] == ["1/20", "24", "0.5123"]
    _, line = drawn([snapshot(10)], is_terminal=False, first_size=0.5)
    assert line.startswith("epoch 1/20  pixels 24  loss 0.5123  training error 12.50 %")


def test_a_long_run_fits_a_terminal() -> None:
    lines = drawn([snapshot(10 * epoch) for epoch in range(1, 21)], is_terminal=True)
    assert len(lines) < 24
    assert max(map(len, lines)) < 80
    assert [line.split()[0] for line in lines[2:-1]] == ["+8", *(f"{epoch}/20" for epoch in range(9, 21))]
    assert lines[-1].endswith("step 200 of 200 · 1 min 01 s · done")


def test_a_lower_terminal_has_fewer_rows() -> None:
    lines = drawn([snapshot(10 * epoch) for epoch in range(1, 21)], is_terminal=True, height=15)
    assert [line.split()[0] for line in lines[2:-1]] == ["+17", "18/20", "19/20", "20/20"]
    assert lines[-1].endswith("done")


def test_a_live_table_says_itself_that_it_stops_without_waiting_for_a_step() -> None:
    pressed: list[str] = []

    def steps() -> Iterator[Snapshot]:
        yield from (snapshot(10), snapshot(14))
        pressed.append("Ctrl-C")

    *_, bar, note = drawn(steps(), is_terminal=True, is_stopping=lambda: bool(pressed))
    assert "step 14 of 200" in bar
    assert note == "stopping after this step; once more to end at once, without a checkpoint"
    assert drawn([], is_terminal=True, is_stopping=lambda: True)[-1] == note, "before the first step too"
    for is_terminal, is_stopping in ((True, False), (False, True)):  # elsewhere it is said when it is heard
        shown = drawn([snapshot(10)], is_terminal=is_terminal, is_stopping=lambda answer=is_stopping: answer)
        assert note not in shown


def warned(step: int, cause: str, *, verdict: Verdict = "degrades") -> EarlyWarning:
    return EarlyWarning(step, f"stage1.block{step}.out", cause, f"{step}% of the channels are 0", verdict)


def test_warnings_stand_below_the_table_the_newest_three() -> None:
    shown = [
        replace(snapshot(10 * each), warnings=(warned(each, f"cause {each}"),)) for each in range(1, MOST_WARNINGS + 2)
    ]
    lines = drawn([*shown, snapshot(55)], is_terminal=True)
    assert lines[-5].endswith("3 min 05 s left")
    assert lines[-4:] == [
        "! 1 earlier",
        *(f"! cause {k}: {k}% of the channels are 0 (step {k}, stage1.block{k}.out)" for k in (2, 3, 4)),
    ]


def test_elsewhere_a_warning_is_a_line_of_its_own_once() -> None:
    _, *lines = drawn(
        [replace(snapshot(4), warnings=(warned(3, "dead units", verdict="fails"),)), snapshot(5)], is_terminal=False
    )
    assert lines == ["warning: dead units: 3% of the channels are 0 (step 3, stage1.block3.out)"]


def test_elsewhere_it_is_a_line_for_every_epoch() -> None:
    _, *lines = drawn([snapshot(5), snapshot(10), snapshot(15)], is_terminal=False)
    assert lines == [
        "epoch 1/20  loss 0.5123  training error 12.50 %  test error 25.00 %  1,234 images/s  3 min 05 s left",
    ]


def test_a_dumb_terminal_is_no_place_for_a_live_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert drawn([snapshot(10)], is_terminal=True)[1].startswith("epoch 1/20")


def test_a_machine_without_a_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    stream = io.StringIO()
    console = Console(file=stream, width=200)
    recipe = Recipe(network=NETWORK, source="digits")
    RunTable(recipe, "digits", Path("runs/a"), device=torch.device("cpu"), console=console, is_stopping=never)
    assert (
        "running without the fast kernels: there is no C compiler: no-such-compiler was not found." in stream.getvalue()
    )
