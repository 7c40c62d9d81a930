"""The live table of a study of deepening: a row a way to spend the compute."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from skipline.amount import duration, percent
from skipline.cli.output.live_study import LiveStudy, States, fraction_of
from skipline.cli.output.study_cells import bar, error_style, mean
from skipline.data import Dataset
from skipline.study.cell import Cell
from skipline.study.result import Result
from skipline.study.training import Running

_NAME, _NUMBER, _PROGRESS = 30, 10, 11  # columns; with the gap 73, and a terminal has 80


def deepening_table(cells: Sequence[Cell], dataset: Dataset, *, console: Console) -> LiveStudy:
    """Shows `cells` of a study of deepening as they are trained."""
    rows = {cell.label: [each for each in cells if each.label == cell.label] for cell in cells}

    def draw(states: States, width: int) -> list[Text]:
        del width  # it suits every terminal
        words = (("", "training", "training", "test"), ("way", "loss", "error", "error"))
        heads = [f"{name:<{_NAME}}" + "".join(f"{word:>{_NUMBER}}" for word in rest) for name, *rest in words]
        return [
            Text("\n".join(heads), style="dim"),
            *(_row(label, [states[c] for c in of]) for label, of in rows.items()),
        ]

    return LiveStudy(cells, dataset, console=console, draw=draw, line=_line)


def _row(label: str, states: Sequence[Running | Result | None]) -> Text:
    ended = [state for state in states if isinstance(state, Result)]
    heard = [state for state in ended if state.is_done] or [state for state in states if isinstance(state, Running)]
    has_ended = len(ended) == len(states)
    row = Text(f"{label:<{_NAME}}")
    if has_ended and not heard:
        row.append(f"{'diverged':>{_NUMBER}}{'':>{2 * _NUMBER}}", style="bold red")
    else:
        loss, error = mean([each.train_loss for each in heard]), mean([each.train_error for each in heard])
        test = mean([each.test_error for each in heard])
        row.append(f"{loss:>{_NUMBER}.4f}" if loss == loss else " " * _NUMBER)
        row.append(f"{percent(error, unknown=''):>{_NUMBER}}", style=error_style(error) if has_ended else "dim")
        row.append(f"{percent(test, unknown=''):>{_NUMBER}}", style="dim")
    row.append("  ")
    if has_ended:
        row.append(f"{duration(mean([each.seconds for each in ended]), places=1):>{_PROGRESS}}", style="dim")
    elif any(state is not None for state in states):
        row.append_text(bar(mean([fraction_of(state) for state in states]), _PROGRESS))
    else:
        row.append(f"{'waiting':>{_PROGRESS}}", style="dim")
    return row


def _line(cell: Cell, result: Result) -> str:
    name = f"{cell.label:<{_NAME}}  seed {cell.seed}"
    if not result.is_done:
        return f"{name}  diverged in epoch {len(result.curve) + 1}"
    return (
        f"{name}  training error {percent(result.train_error):>8}  test error {percent(result.test_error):>8}"
        f"  {duration(result.seconds, places=1):>6}"
    )
