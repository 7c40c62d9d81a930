"""The live table of a training run: a row an epoch on a terminal, a line an epoch elsewhere; on stderr."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import torch
from rich.console import Console, ConsoleOptions, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from skipline.amount import UNKNOWN, counted, duration, percent
from skipline.cli.stop_request import STOPPING
from skipline.costs import cost
from skipline.signal import EarlyWarning
from skipline.store import Judge, judge_of
from skipline.train import Recipe, Snapshot
from skipline.train.deepening import network_in
from skipline.train.speed.kernels import kernels_for

MOST_WARNINGS = 3  # below the table, the same
_BAR = 24  # columns: with the steps, the time taken and left there are fewer than 80
MOST_ROWS = 12  # epochs on the screen, so that the table fits a terminal of 24 lines; fewer on a lower one
_OTHER_LINES = 12  # of the screen, from those 24: what stands above, below and between; guessed, with wrapped warnings


def is_live(console: Console) -> bool:
    """Whether a table can be drawn again in its place; elsewhere it is printed line by line."""
    return console.is_terminal and not console.is_dumb_terminal


@dataclass(frozen=True)
class _StopNote:
    """The line below a live table from the moment on when the run `is_stopping`: it is asked at every drawing."""

    is_stopping: Callable[[], bool]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        del console, options
        if self.is_stopping():
            yield Text(STOPPING, style="yellow")


class RunTable:
    """Shows snapshots as they come, and on a live table whether the run `is_stopping`; use it as a context."""

    def __init__(
        self,
        recipe: Recipe,
        data_name: str,
        run: Path,
        *,
        device: torch.device,
        console: Console,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._console = console
        network = recipe.network
        parameters = cost(network, image_size=max(32, network.stride)).parameters
        self._console.print(
            f"[bold]{network.name}[/] · {parameters:,} parameters · {data_name} · {_length(recipe)}",
            highlight=False,
            soft_wrap=True,
        )
        for deepening in recipe.deepen:
            later = network_in(network, recipe.deepen, deepening.epoch).name
            self._console.print(f"{later} after {counted(deepening.epoch, 'epoch')}", highlight=False, soft_wrap=True)
        self._console.print(f"folder {run}", style="dim", highlight=False, markup=False, soft_wrap=True)
        kernels = kernels_for(recipe, device)
        if kernels.fused is None and recipe.kernels == "auto" and not recipe.shard and device.type == "cpu":
            self._console.print(
                f"running without the fast kernels: {kernels.reason}", style="dim", markup=False, soft_wrap=True
            )
        self._judge: Judge = judge_of(run)
        self._has_sides = recipe.first_size < 1
        self._ended: list[Snapshot] = []
        self._warnings: list[EarlyWarning] = []
        self._note = _StopNote(is_stopping)
        self._live = Live(self._note, console=self._console, refresh_per_second=8, transient=False)
        self._is_live = is_live(console)

    def __enter__(self) -> RunTable:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_live:
            self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        """Draw `snapshot`; one at the end of an epoch becomes a row that stays."""
        if snapshot.ends_epoch:
            self._ended.append(snapshot)
        self._warnings += snapshot.warnings
        for note in snapshot.notes:
            self._console.print(note, highlight=False, markup=False, soft_wrap=True)
        if self._is_live:
            self._live.update(self._drawing(snapshot))
            return
        for warning in snapshot.warnings:
            self._console.print(f"warning: {_told(warning)}", highlight=False, markup=False, soft_wrap=True)
        if snapshot.ends_epoch:
            self._console.print(self._line(snapshot), highlight=False, soft_wrap=True)

    def _drawing(self, now: Snapshot) -> Group:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for title in self._titles():
            table.add_column(title, justify="right", no_wrap=True)
        most = max(1, min(MOST_ROWS, self._console.height - _OTHER_LINES))
        hidden = len(self._ended) - most
        if hidden > 0:
            table.add_row(Text(f"+{hidden}", style="dim"), Text("earlier", style="dim"))
        for ended in self._ended[-most:]:
            table.add_row(*self._cells(ended))
        is_running = not self._ended or self._ended[-1].step != now.step
        if is_running:
            table.add_row(*self._cells(now), style="dim")
        bar = Table.grid(padding=(0, 1))
        left = "done" if now.step == now.num_steps else f"{duration(now.seconds_left)} left"
        bar.add_row(
            ProgressBar(total=now.num_steps, completed=now.step, width=_BAR),
            f"step {now.step:,} of {now.num_steps:,} ·",
            Text(f"{duration(now.seconds)} · {left}", style="dim"),
        )
        return Group(table, bar, self._note, *self._warned())

    def _titles(self) -> tuple[str, ...]:
        sides = ("pixels",) if self._has_sides else ()
        return ("epoch", *sides, "loss", "training error", f"{self._judge} error", "images/s")

    def _cells(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Of `_titles`; the pixels are the side of the images that are learnt from, where it changes."""
        sides = (f"{snapshot.image_side}",) if self._has_sides else ()
        return (
            f"{snapshot.epoch}/{snapshot.num_epochs}",
            *sides,
            _number(snapshot.train_loss, ".4f"),
            percent(snapshot.train_error),
            percent(snapshot.test_error),
            _number(snapshot.images_per_second, ",.0f"),
        )

    def _line(self, snapshot: Snapshot) -> str:
        cells = "  ".join(
            f"{title} {cell}" if title != "images/s" else f"{cell} {title}"
            for title, cell in zip(self._titles(), self._cells(snapshot), strict=True)
        )
        return f"{cells}  {duration(snapshot.seconds_left)} left"

    def _warned(self) -> Iterator[Text]:
        hidden = len(self._warnings) - MOST_WARNINGS
        if hidden > 0:
            yield Text(f"! {hidden} earlier", style="dim")
        for warning in self._warnings[-MOST_WARNINGS:]:
            style = "bold red" if warning.verdict == "fails" else "yellow"
            yield Text.assemble(("! ", style), (warning.cause, style), _told(warning).removeprefix(warning.cause))


def _told(warning: EarlyWarning) -> str:
    return f"{warning.sentence} (step {warning.step:,}, {warning.site})"


def _length(recipe: Recipe) -> str:
    most = f", at most {counted(int(recipe.most_steps), 'step')}" if math.isfinite(recipe.most_steps) else ""
    return f"{counted(recipe.epochs, 'epoch')}{most}"


def _number(value: float, form: str) -> str:
    return UNKNOWN if math.isnan(value) else format(value, form)
