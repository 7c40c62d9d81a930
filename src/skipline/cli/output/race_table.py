"""The live table of a race: a row an initialiser."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from skipline.amount import duration, percent
from skipline.cli.output.live_study import LiveStudy, State, States, fraction_of
from skipline.cli.output.study_cells import bar, error_style, mean
from skipline.data import Dataset
from skipline.study.cell import Cell
from skipline.study.result import Result
from skipline.study.training import Running

_NAME, _RATE, _LOSS, _ERROR, _PROGRESS = 30, 7, 10, 9, 11  # columns; with the gaps 79, and a terminal has 80
_LARGE = 1e5  # from here on a loss is told by a power of ten


def race_table(cells: Sequence[Cell], dataset: Dataset, *, console: Console) -> LiveStudy:
    """Shows `cells` of a race as they are trained; of several rates a row shows the one that is ahead."""
    rows = {init: [cell for cell in cells if cell.recipe.init == init] for init in _each_once(cells)}

    def draw(states: States, width: int) -> list[Text]:
        del width  # 80 columns suit every terminal, and more would not be read better
        head = (
            f"{'initialiser':<{_NAME}}  {'rate':>{_RATE}}{'loss':>{_LOSS}}{'training':>{_ERROR}}{'test':>{_ERROR}}\n"
            f"{'':<{_NAME + _RATE + _LOSS + 2}}{'error':>{_ERROR}}{'error':>{_ERROR}}"
        )
        return [Text(head, style="dim"), *(_row(init, group, states) for init, group in rows.items())]

    return LiveStudy(cells, dataset, console=console, draw=draw, line=_line)


def _each_once(cells: Sequence[Cell]) -> list[str]:
    return list(dict.fromkeys(cell.recipe.init for cell in cells))


def _row(init: str, cells: Sequence[Cell], states: States) -> Text:
    name = init if len(init) <= _NAME else f"{init[: _NAME - 1]}…"
    ahead = _ahead(cells, states)
    heard = [state for cell in ahead if (state := states[cell]) is not None]
    row = Text(f"{name:<{_NAME}}  ")
    row.append(f"{ahead[0].recipe.optimiser.learning_rate:>{_RATE}g}", style="dim")
    if heard and not any(_is_alive(state) for state in heard):
        row.append(f"{'diverged':>{_LOSS}}", style="bold red")
        row.append(" " * 2 * _ERROR)
    else:
        alive = [state for state in heard if _is_alive(state)]
        loss, train_error, test_error = (mean([of(state) for state in alive]) for of in (_loss, _train, _test))
        has_ended = all(isinstance(states[cell], Result) for cell in cells)
        row.append(f"{_number(loss):>{_LOSS}}")
        row.append(
            f"{percent(train_error, unknown=''):>{_ERROR}}", style=error_style(train_error) if has_ended else "dim"
        )
        row.append(f"{percent(test_error, unknown=''):>{_ERROR}}", style="dim")
    row.append(" ")
    if all(isinstance(states[cell], Result) for cell in cells):
        seconds = sum(state.seconds for cell in cells if isinstance(state := states[cell], Result))
        row.append(f"{duration(seconds, places=1):>{_PROGRESS}}", style="dim")
    elif any(states[cell] is not None for cell in cells):
        row.append_text(bar(mean([fraction_of(states[cell]) for cell in cells]), _PROGRESS))
    else:
        row.append(f"{'waiting':>{_PROGRESS}}", style="dim")
    return row


def _ahead(cells: Sequence[Cell], states: States) -> list[Cell]:
    """The cells of the rate with the lowest mean loss so far; the first rate where nothing is known yet."""
    by_rate: dict[float, list[Cell]] = {}
    for cell in cells:
        by_rate.setdefault(cell.recipe.optimiser.learning_rate, []).append(cell)

    def loss(rate: float) -> float:
        known = [_loss(state) for cell in by_rate[rate] if (state := states[cell]) is not None]
        return math.inf if not known or any(math.isnan(value) for value in known) else mean(known)

    return by_rate[min(by_rate, key=loss)]


def _line(cell: Cell, result: Result) -> str:
    name = f"{cell.recipe.init:<{_NAME}}  rate {cell.recipe.optimiser.learning_rate:<6g} seed {cell.seed}"
    if not result.is_done:
        return f"{name}  diverged in epoch {len(result.curve) + 1}"
    return (
        f"{name}  loss {_number(result.train_loss)}  training error {percent(result.train_error)}"
        f"  test error {percent(result.test_error)}  {duration(result.seconds, places=1)}"
    )


def _is_alive(state: State) -> bool:
    return isinstance(state, Running) or (isinstance(state, Result) and state.is_done)


def _loss(state: Running | Result) -> float:
    return state.train_loss


def _train(state: Running | Result) -> float:
    return state.train_error


def _test(state: Running | Result) -> float:
    return state.test_error


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.1e}" if value >= _LARGE else f"{value:.4g}"
