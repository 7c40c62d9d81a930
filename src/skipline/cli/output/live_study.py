"""A study's trainings shown as they go: a live table on a terminal, a line for each that ends elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from skipline.amount import counted, duration
from skipline.cli.output.study_cells import bar
from skipline.data import Dataset
from skipline.study.cell import Cell
from skipline.study.result import Result
from skipline.study.training import Running
from skipline.study.trainings import work_of

_BAR = 20  # columns of the bar for the whole study: with the time taken and left there are fewer than 80
_TOLD_FROM = 0.02  # of the work must be done before the time left is told; guessed

State = Running | Result | None
States = Mapping[Cell, State]
"""What was last heard of each cell; None: nothing yet."""

Draw = Callable[[States, int], list[Text]]
"""The lines of a table of so many columns."""


class LiveStudy:
    """Shows `cells` as they are trained; use it as a context, and hand `show` what is heard.

    On a terminal what `draw` makes of the states stands above a line of progress; elsewhere `line` is printed for each
    training that ends.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        dataset: Dataset,
        *,
        console: Console,
        draw: Draw,
        line: Callable[[Cell, Result], str],
    ) -> None:
        self._console = console
        self._is_live = console.is_terminal and not console.is_dumb_terminal
        self._draw, self._line = draw, line
        self._work = {
            cell: work_of(cell, num_train=len(dataset.train), image_size=dataset.image_size) for cell in cells
        }
        self._states: dict[Cell, State] = dict.fromkeys(cells)
        self._before: dict[Cell, float] = {}  # what had been done of each before this study went on
        self._is_training = False
        self._began = self._first_heard = time.monotonic()
        self._live = Live(console=console, get_renderable=self._drawing, refresh_per_second=8)

    def __enter__(self) -> LiveStudy:
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

    @property
    def told_ended(self) -> str:
        """`2 of 4 trainings ended`."""
        return f"{self.num_ended} of {counted(len(self._states), 'training')} ended"

    def show(self, cell: Cell, state: Running | Result) -> None:
        """Take in what was heard of `cell`."""
        self._states[cell] = state
        if isinstance(state, Running) and not self._is_training:
            self._is_training = True
            self._first_heard = time.monotonic()
        is_old = state.epoch > 1 if isinstance(state, Running) else not self._is_training
        self._before.setdefault(cell, fraction_of(state) if is_old else 0.0)
        if not self._is_live and isinstance(state, Result):
            line = f"{self.num_ended:>3} of {len(self._states)}  {self._line(cell, state)}"
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _drawing(self) -> RenderableType:
        return Text("\n").join([*self._draw(self._states, self._console.width), Text(), self._footer()])

    def _footer(self) -> Text:
        total = sum(self._work.values())
        done = sum(self._work[cell] * fraction_of(state) for cell, state in self._states.items())
        now = time.monotonic()
        text = bar(done / total, _BAR)
        text.append(f"  {self.num_ended} of {len(self._states)} trained · {duration(now - self._began)}")
        # What was done before this study went on, and the start of the processes, say nothing about its speed.
        before = sum(self._work[cell] * fraction for cell, fraction in self._before.items())
        if done - before > _TOLD_FROM * total and done < total:
            left = (now - self._first_heard) * (total - done) / (done - before)
            text.append(f" · about {duration(left)} left", style="dim")
        return text


def fraction_of(state: State) -> float:
    """How much of its work a cell has done."""
    if isinstance(state, Running):
        return state.fraction
    return 0.0 if state is None else 1.0
