"""The live table of a calibration: a row for each unit, norm and activation, and how its cells ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from skipline.amount import duration, percent
from skipline.cli.output.live_study import LiveStudy, States
from skipline.data import Dataset
from skipline.signal.verdict import VERDICTS
from skipline.study.cell import Cell
from skipline.study.result import Result
from skipline.study.trainability import trainability_of

_NAME, _COUNT = 24, 12  # columns; together 72, and a terminal has 80


def calibration_table(cells: Sequence[Cell], dataset: Dataset, *, console: Console) -> LiveStudy:
    """Shows the trainings of one pass over `cells`."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        network = cell.recipe.network
        groups.setdefault(f"{cell.unit} {network.norm.kind} {network.activation.kind}", []).append(cell)
    pass_ = f"{dataset.name} at rate {cells[0].recipe.optimiser.learning_rate:g}"

    def draw(states: States, width: int) -> list[Text]:
        del width  # 80 columns suit every terminal
        head = "".join(f"{word:>{_COUNT}}" for word in (*VERDICTS, "to come"))
        lines = [Text(f"{pass_:<{_NAME}}{head}", style="dim")]
        return lines + [_row(name, group, states, dataset.num_classes) for name, group in groups.items()]

    return LiveStudy(cells, dataset, console=console, draw=draw, line=_line)


def _row(name: str, cells: Sequence[Cell], states: States, num_classes: int) -> Text:
    ended = [state for cell in cells if isinstance(state := states[cell], Result)]
    words: Mapping[str, int] = Counter(trainability_of(each.train_error, num_classes=num_classes) for each in ended)
    counts = (*(words.get(word, 0) for word in VERDICTS), len(cells) - len(ended))
    return Text(f"{name:<{_NAME}}" + "".join(f"{count or '':>{_COUNT}}" for count in counts))


def _line(cell: Cell, result: Result) -> str:
    end = f"training error {percent(result.train_error)}" if result.is_done else "diverged"
    return f"{cell.label}  {end}  {duration(result.seconds, places=1)}"
