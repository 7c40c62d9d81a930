"""The courses of two runs over each other: the errors and losses that they are judged by."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from skipline.report.html.page import Key, Panel
from skipline.report.html.table import Table, thinned
from skipline.report.number import count, number, percent
from skipline.report.plot.axis import linear_axis
from skipline.report.plot.chart import Chart, Dots, Line, Mark
from skipline.report.records.run import EvaluationRecord, RunRecord
from skipline.report.run_charts import MOST_ROWS

NAMES = ("first", "second")
_LOOKS = ("net-b", "net-a")
_STROKES = ("solid", "dashed")

KEYS = (
    Key(look=_LOOKS[0], label="the first run", strokes=(_STROKES[0],)),
    Key(look=_LOOKS[1], label="the second run", strokes=(_STROKES[1],)),
)

Of = Callable[[EvaluationRecord], float]


def course_panels(runs: tuple[RunRecord, RunRecord]) -> tuple[Panel, ...]:
    """Error and loss on the images that the runs are judged by, and the training error, by epoch."""
    judge = runs[0].judge
    return (
        _panel(runs, f"{judge.capitalize()} error", "error (%)", lambda e: 100 * e.test_error, _share),
        _panel(runs, f"{judge.capitalize()} loss", "mean loss of an image (nats)", lambda e: e.test_loss, number),
        _panel(runs, "Training error", "error (%)", lambda e: 100 * e.train_error, _share),
    )


def _share(value: float) -> str:
    return percent(value / 100)


def _panel(runs: tuple[RunRecord, RunRecord], title: str, axis: str, of: Of, say: Callable[[float], str]) -> Panel:
    marks: list[Mark] = []
    sentences: list[str] = []
    for name, look, stroke, run in zip(NAMES, _LOOKS, _STROKES, runs, strict=True):
        points = tuple((e.epoch, of(e)) for e in _last_of_each_epoch(run.evaluations))
        last = f"epoch {count(points[-1][0])}: the {name} run's {title.lower()} is {say(points[-1][1])}"
        marks += [
            Line(points=points, look=look, stroke=stroke, label=name),
            Dots(points=points[-1:], names=(last,), look=look),
        ]
        sentences.append(f"{last[0].upper()}{last[1:]}.")
    epochs = sorted({e.epoch for run in runs for e in run.evaluations})
    finite = [value for run in runs for value in map(of, run.evaluations) if math.isfinite(value)]
    chart = Chart(
        title=title,
        description=" ".join(sentences),
        x=linear_axis(epochs, title="epoch", whole=True, round_ends=False),
        y=linear_axis(finite, title=axis),
        marks=tuple(marks),
    )
    return Panel(chart=chart, data=_table(runs, epochs, title, of, say))


def _last_of_each_epoch(evaluations: Sequence[EvaluationRecord]) -> tuple[EvaluationRecord, ...]:
    return tuple({e.epoch: e for e in evaluations}.values())


def _table(
    runs: tuple[RunRecord, RunRecord], epochs: Sequence[int], title: str, of: Of, say: Callable[[float], str]
) -> Table:
    found = [{e.epoch: say(of(e)) for e in run.evaluations} for run in runs]
    rows = ((count(epoch), *(each.get(epoch, "") for each in found)) for epoch in epochs)
    return Table(caption=f"{title} by epoch", head=("epoch", *NAMES), groups=(("", thinned(rows, most=MOST_ROWS)),))
