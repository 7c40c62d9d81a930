"""The live table of a depth study: a row a depth, the units side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from skipline.amount import duration, percent
from skipline.cli.output.live_study import LiveStudy, States, fraction_of
from skipline.cli.output.study_cells import bar, error_style, mean
from skipline.data import Dataset
from skipline.study.cell import Cell
from skipline.study.family import Unit
from skipline.study.result import Result
from skipline.study.training import Running

_BLOCKS: dict[Unit, str] = {"plain": "y = relu(f(x))", "residual": "y = relu(x + f(x))", "preact": "y = x + f(x)"}
_LAYERS, _ERROR, _PROGRESS, _GAP = 8, 10, 11, 3  # columns; two units side by side take 78, and a terminal has 80
_UNIT = 2 * _ERROR + 1 + _PROGRESS


def depth_table(cells: Sequence[Cell], dataset: Dataset, *, console: Console) -> LiveStudy:
    """Shows `cells` of a depth study as they are trained."""

    def draw(states: States, width: int) -> list[Text]:
        return _Table(cells, states).lines(width)

    return LiveStudy(cells, dataset, console=console, draw=draw, line=_line)


@dataclass(frozen=True, slots=True)
class _Table:
    cells: Sequence[Cell]
    states: States

    def lines(self, width: int) -> list[Text]:
        units: list[Unit] = list(dict.fromkeys(cell.unit for cell in self.cells))
        depths = sorted({cell.depth for cell in self.cells})
        columns = [self._column(unit, depths) for unit in units]
        layers = _layers(depths)
        if _LAYERS + len(columns) * (_GAP + _UNIT) <= width:
            return [_joined(parts, " " * _GAP) for parts in zip(layers, *columns, strict=True)]
        return [_joined(parts, " " * _GAP) for column in columns for parts in zip(layers, column, strict=True)]

    def _column(self, unit: Unit, depths: Sequence[int]) -> list[Text]:
        title = Text.assemble((unit, "bold"), (f"  {_BLOCKS[unit]}", "dim"))
        title.pad_right(_UNIT - len(title))
        words = (("training", "test", ""), ("error", "error", "time"))
        heads = [f"{train:>{_ERROR}}{test:>{_ERROR}} {rest:>{_PROGRESS}}" for train, test, rest in words]
        rows = [self._row([c for c in self.cells if (c.unit, c.depth) == (unit, depth)]) for depth in depths]
        return [title, *(Text(f"{head:<{_UNIT}}", style="dim") for head in heads), *rows]

    def _row(self, group: Sequence[Cell]) -> Text:
        states = [self.states[cell] for cell in group]
        ended = [state for state in states if isinstance(state, Result)]
        running = [state for state in states if isinstance(state, Running)]
        if len(ended) == len(states) and not any(result.is_done for result in ended):
            return _padded(Text(f"{'diverged':>{_ERROR}}", style="bold red"))
        shown = [result for result in ended if result.is_done] or running
        train_error, test_error = (mean(values) for values in _errors(shown))
        row = Text(
            f"{percent(train_error, unknown=''):>{_ERROR}}",
            style="dim" if shown == running else error_style(train_error),
        )
        row.append(f"{percent(test_error, unknown=''):>{_ERROR}} ", style="dim")
        num_lost = sum(not result.is_done for result in ended)
        if num_lost:
            row.append(f"{num_lost} diverged", style="red")
        elif len(ended) == len(states):
            row.append(f"{duration(mean([result.seconds for result in ended]), places=1):>{_PROGRESS}}", style="dim")
        elif running or ended:
            row.append_text(bar(mean([fraction_of(state) for state in states]), _PROGRESS))
        else:
            row.append(f"{'waiting':>{_PROGRESS}}", style="dim")
        return _padded(row)


def _line(cell: Cell, result: Result) -> str:
    name = f"{cell.unit:<8} {cell.depth:>5} layers  seed {cell.seed}"
    if not result.is_done:
        return f"{name}  diverged in epoch {len(result.curve) + 1}"
    return (
        f"{name}  training error {percent(result.train_error):>8}  test error {percent(result.test_error):>8}"
        f"  {duration(result.seconds, places=1):>6}"
    )


def _layers(depths: Sequence[int]) -> list[Text]:
    head = [Text(" " * _LAYERS), Text(" " * _LAYERS), Text(f"{'layers':>{_LAYERS}}", style="dim")]
    return [*head, *(Text(f"{depth:>{_LAYERS},}") for depth in depths)]


def _errors(states: Iterable[Running | Result]) -> tuple[list[float], list[float]]:
    return [state.train_error for state in states], [state.test_error for state in states]


def _joined(parts: Sequence[Text], gap: str) -> Text:
    return Text(gap).join(parts)


def _padded(text: Text) -> Text:
    text.pad_right(_UNIT - len(text))
    return text
