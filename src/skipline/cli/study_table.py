"""The live table of a depth study: a row a depth, the units side by side; a line a training where it cannot be live."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from skipline.cli.run_table import duration
from skipline.cost import cost
from skipline.study import Cell, Result, Running, Unit

_BLOCKS: dict[Unit, str] = {"plain": "y = relu(f(x))", "residual": "y = relu(x + f(x))"}
_LAYERS, _ERROR, _PROGRESS, _GAP = 8, 10, 10, 3  # columns; two units side by side take 74, and a terminal has 80
_UNIT = 2 * _ERROR + 2 + _PROGRESS
_GOOD, _BAD = 0.05, 0.3  # training errors that are coloured green and red; guessed, only a colour
_BAR = 30  # columns of the bar for the whole study
_TOLD_FROM = 0.02  # of the work must be done before the time left is told; guessed


class StudyTable:
    """Shows `cells` as they are trained; use it as a context, and hand it what `study_depth` shows."""

    def __init__(self, cells: Sequence[Cell], *, console: Console, image_size: int) -> None:
        self._console = console
        self._is_live = console.is_terminal and not console.is_dumb_terminal
        self._cells = cells
        self._units: list[Unit] = list(dict.fromkeys(cell.unit for cell in cells))
        self._depths = sorted({cell.depth for cell in cells})
        networks = {cell: cell.recipe.network for cell in cells}
        self._work = {
            cell: cost(net, image_size=image_size).macs * cell.recipe.epochs for cell, net in networks.items()
        }
        self._states: dict[Cell, Running | Result | None] = dict.fromkeys(cells)
        self._before: dict[Cell, float] = {}  # what had been done of each before this study went on
        self._is_training = False
        self._began = self._first_heard = time.monotonic()
        self._live = Live(console=console, get_renderable=self._drawing, refresh_per_second=8)

    def __enter__(self) -> StudyTable:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_live:
            self._live.stop()

    @property
    def num_ended(self) -> int:
        """How many cells are done or have diverged."""
        return sum(isinstance(state, Result) for state in self._states.values())

    def show(self, cell: Cell, state: Running | Result) -> None:
        """Take in what was heard of `cell`."""
        self._states[cell] = state
        if isinstance(state, Running) and not self._is_training:
            self._is_training = True
            self._first_heard = time.monotonic()
        is_old = state.epoch > 1 if isinstance(state, Running) else not self._is_training
        self._before.setdefault(cell, _fraction(state) if is_old else 0.0)
        if not self._is_live and isinstance(state, Result):
            line = f"{self.num_ended:>3} of {len(self._cells)}  {_line(state)}"
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _drawing(self) -> RenderableType:
        columns = [self._column(unit) for unit in self._units]
        layers = self._layers()
        if _LAYERS + len(columns) * (_GAP + _UNIT) <= self._console.width:
            lines = [_joined(parts, " " * _GAP) for parts in zip(layers, *columns, strict=True)]
        else:
            lines = [_joined(parts, " " * _GAP) for column in columns for parts in zip(layers, column, strict=True)]
        return Text("\n").join([*lines, Text(), self._footer()])

    def _layers(self) -> list[Text]:
        head = [Text(" " * _LAYERS), Text(" " * _LAYERS), Text(f"{'layers':>{_LAYERS}}", style="dim")]
        return [*head, *(Text(f"{depth:>{_LAYERS},}") for depth in self._depths)]

    def _column(self, unit: Unit) -> list[Text]:
        title = Text.assemble((unit, "bold"), (f"  {_BLOCKS[unit]}", "dim"))
        title.pad_right(_UNIT - len(title))
        words = (("training", "test", ""), ("error", "error", "time"))
        heads = [f"{train:>{_ERROR}}{test:>{_ERROR}}  {rest:>{_PROGRESS}}" for train, test, rest in words]
        rows = [self._row([c for c in self._cells if (c.unit, c.depth) == (unit, depth)]) for depth in self._depths]
        return [title, *(Text(f"{head:<{_UNIT}}", style="dim") for head in heads), *rows]

    def _row(self, group: Sequence[Cell]) -> Text:
        states = [self._states[cell] for cell in group]
        ended = [state for state in states if isinstance(state, Result)]
        running = [state for state in states if isinstance(state, Running)]
        if len(ended) == len(states) and not any(result.is_done for result in ended):
            return _padded(Text(f"{'diverged':>{_ERROR}}", style="bold red"))
        shown = [result for result in ended if result.is_done] or running
        train_error, test_error = (_mean(values) for values in _errors(shown))
        row = Text(f"{_percent(train_error):>{_ERROR}}", style="dim" if shown == running else _colour(train_error))
        row.append(f"{_percent(test_error):>{_ERROR}}  ", style="dim")
        num_lost = sum(not result.is_done for result in ended)
        if num_lost:
            row.append(f"{num_lost} diverged", style="red")
        elif len(ended) == len(states):
            seconds = _mean([result.seconds for result in ended])
            row.append(f"{_seconds(seconds):>{_PROGRESS}}", style="dim")
        elif running or ended:
            row.append_text(_bar(_mean([_fraction(state) for state in states]), _PROGRESS))
        else:
            row.append(f"{'waiting':>{_PROGRESS}}", style="dim")
        return _padded(row)

    def _footer(self) -> Text:
        total = sum(self._work.values())
        done = sum(self._work[cell] * _fraction(state) for cell, state in self._states.items())
        now = time.monotonic()
        text = _bar(done / total, _BAR)
        text.append(f"  {self.num_ended} of {len(self._cells)} trained · {duration(now - self._began)}")
        # What was done before this study went on, and the start of the processes, say nothing about its speed.
        before = sum(self._work[cell] * fraction for cell, fraction in self._before.items())
        if done - before > _TOLD_FROM * total and done < total:
            left = (now - self._first_heard) * (total - done) / (done - before)
            text.append(f" · about {duration(left)} left", style="dim")
        return text


def _line(result: Result) -> str:
    name = f"{result.unit:<8} {result.depth:>5} layers  seed {result.seed}"
    if not result.is_done:
        return f"{name}  diverged in epoch {len(result.curve) + 1}"
    return (
        f"{name}  training error {_percent(result.train_error):>8}  test error {_percent(result.test_error):>8}"
        f"  {_seconds(result.seconds):>6}"
    )


def _fraction(state: Running | Result | None) -> float:
    if isinstance(state, Running):
        return state.fraction
    return 0.0 if state is None else 1.0


def _errors(states: Iterable[Running | Result]) -> tuple[list[float], list[float]]:
    return [state.train_error for state in states], [state.test_error for state in states]


def _bar(fraction: float, width: int) -> Text:
    full = round(fraction * width)
    return Text.assemble(("━" * full, "cyan"), ("─" * (width - full), "dim"))


def _colour(error: float) -> str:
    return "bold green" if error < _GOOD else "bold red" if error > _BAD else "bold yellow"


def _joined(parts: Sequence[Text], gap: str) -> Text:
    return Text(gap).join(parts)


def _padded(text: Text) -> Text:
    text.pad_right(_UNIT - len(text))
    return text


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 9.95 else duration(seconds)


def _percent(fraction: float) -> str:
    return "" if math.isnan(fraction) else f"{100 * fraction:.2f} %"
