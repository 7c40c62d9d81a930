"""The charts of one training run: error, loss, learning rate and speed as it went."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from skipline.report.html.page import Panel
from skipline.report.html.table import Rows, Table, thinned
from skipline.report.number import count, number, percent
from skipline.report.plot.axis import Axis, linear_axis, log_axis
from skipline.report.plot.chart import Chart, Dots, Line, Mark, Post, Stroke
from skipline.report.records.growth import Growth
from skipline.report.records.run import EvaluationRecord
from skipline.store import Judge

# A page of numbers; more rows say nothing that the chart does not, and metrics.jsonl has them all.
MOST_ROWS = 200
# Values that span more than this are drawn on a logarithmic scale: on a linear one the small ones are a line at 0.
_LOG_RATIO = 1000


@dataclass(frozen=True, kw_only=True)
class Series:
    """One quantity of an evaluation, in the unit of its chart, and how it is drawn and said."""

    name: str
    of: Callable[[EvaluationRecord], float]
    say: Callable[[EvaluationRecord], str]
    look: str
    stroke: Stroke = "solid"


def _errors(judge: Judge) -> tuple[Series, Series]:
    return (
        Series(
            name="training",
            of=lambda e: 100 * e.train_error,
            say=lambda e: percent(e.train_error),
            look="training",
        ),
        Series(
            name=judge,
            of=lambda e: 100 * e.test_error,
            say=lambda e: percent(e.test_error),
            look="test",
            stroke="dotted",
        ),
    )


def _losses(judge: Judge) -> tuple[Series, Series]:
    return (
        Series(name="training", of=lambda e: e.train_loss, say=lambda e: number(e.train_loss), look="training"),
        Series(name=judge, of=lambda e: e.test_loss, say=lambda e: number(e.test_loss), look="test", stroke="dotted"),
    )


_RATE = Series(name="", of=lambda e: e.learning_rate, say=lambda e: number(e.learning_rate), look="neutral")
_SPEED = Series(name="", of=lambda e: e.images_per_second, say=lambda e: number(e.images_per_second), look="neutral")


def run_panels(evaluations: Sequence[EvaluationRecord], judge: Judge, growths: Sequence[Growth]) -> tuple[Panel, ...]:
    """Four panels over the same epochs: error, loss (training and `judge`), learning rate and images per second.

    Each of `growths` is an upright line in the charts, and the name of the rows behind it in their tables.
    """
    panel = partial(_panel, evaluations, growths)
    return (
        panel(_errors(judge), title="Error", axis="error (%)"),
        panel(_losses(judge), title="Loss", axis="mean loss of an image (nats)"),
        panel((_RATE,), title="Learning rate", axis="learning rate"),
        panel((_SPEED,), title="Speed", axis="images per second"),
    )


def num_not_finite(evaluations: Sequence[EvaluationRecord]) -> int:
    """In how many evaluations an error or a loss was not a finite number."""
    values = ((e.train_error, e.test_error, e.train_loss, e.test_loss) for e in evaluations)
    return sum(not all(map(math.isfinite, four)) for four in values)


def growth_sentence(growth: Growth, evaluations: Sequence[EvaluationRecord]) -> str:
    """When the net grew, and from what to what."""
    epochs = f" (epoch {_epoch(growth, evaluations):.3g})" if evaluations else ""
    depths = f"from {count(growth.before)} to {count(growth.after)} layers"
    return f"After step {count(growth.step)}{epochs} the net grew {depths}."


def _epoch(growth: Growth, evaluations: Sequence[EvaluationRecord]) -> float:
    """In epochs, whole ones and a part; the first evaluation is that of a whole epoch where another follows it."""
    return growth.step * evaluations[0].epoch / evaluations[0].step


def _places(evaluations: Sequence[EvaluationRecord]) -> tuple[str, tuple[int, ...]]:
    """Where each evaluation stands: by epoch, or by step where an epoch has several."""
    epochs = tuple(e.epoch for e in evaluations)
    return ("epoch", epochs) if len(set(epochs)) == len(epochs) else ("step", tuple(e.step for e in evaluations))


def _posts(evaluations: Sequence[EvaluationRecord], growths: Sequence[Growth]) -> tuple[Post, ...]:
    by_epoch = _places(evaluations)[0] == "epoch"
    return tuple(Post(x=_epoch(g, evaluations) if by_epoch else g.step, label=g.label) for g in growths)


def _value_axis(values: Sequence[float], *, title: str) -> Axis:
    finite = [value for value in values if math.isfinite(value)]
    if finite and min(finite) > 0 and max(finite) / min(finite) > _LOG_RATIO:
        return log_axis(finite, title=f"{title}, log scale")
    return linear_axis(finite, title=title)


def _panel(
    evaluations: Sequence[EvaluationRecord],
    growths: Sequence[Growth],
    all_series: Sequence[Series],
    *,
    title: str,
    axis: str,
) -> Panel:
    unit, places = _places(evaluations)
    posts = _posts(evaluations, growths)
    marks: list[Mark] = [*posts]
    for series in all_series:
        points = tuple((place, series.of(e)) for place, e in zip(places, evaluations, strict=True))
        marks.append(Line(points=points, look=series.look, stroke=series.stroke, label=series.name))
        said = f"{unit} {count(places[-1])}: {series.name} {title.lower()} {series.say(evaluations[-1])}"
        marks.append(Dots(points=points[-1:], names=(" ".join(said.split()),), look=series.look))
    described = (
        *(_sentence(evaluations, series, title=title, unit=unit) for series in all_series),
        *(growth_sentence(growth, evaluations) for growth in growths),
    )
    chart = Chart(
        title=title,
        description=" ".join(described),
        x=linear_axis((*places, *(post.x for post in posts)), title=unit, whole=True, round_ends=False),
        y=_value_axis([series.of(e) for series in all_series for e in evaluations], title=axis),
        marks=tuple(marks),
    )
    return Panel(chart=chart, data=_table(evaluations, growths, all_series, title=title))


def _sentence(evaluations: Sequence[EvaluationRecord], series: Series, *, title: str, unit: str) -> str:
    _, places = _places(evaluations)
    name = f"{series.name} {title.lower()}".strip().capitalize()
    return (
        f"{name}: {series.say(evaluations[0])} at {unit} {count(places[0])}, "
        f"{series.say(evaluations[-1])} at {unit} {count(places[-1])}."
    )


def _table(
    evaluations: Sequence[EvaluationRecord], growths: Sequence[Growth], all_series: Sequence[Series], *, title: str
) -> Table:
    """The rows of the chart; behind each growth they stand under the depths before and after."""
    unit, places = _places(evaluations)
    rows = thinned(
        (
            (e.step, (count(place), *(s.say(e) for s in all_series)))
            for place, e in zip(places, evaluations, strict=True)
        ),
        most=MOST_ROWS,
    )
    groups: list[tuple[str, Rows]] = []
    bounds = (-1, *(growth.step for growth in growths), math.inf)
    names = (f"{count(growths[0].before)} layers" if growths else "", *(f"{growth.label} layers" for growth in growths))
    for name, (after, until) in zip(names, pairwise(bounds), strict=True):
        groups.append((name, tuple(row for step, row in rows if after < step <= until)))
    heads = (s.name or title.lower() for s in all_series)
    return Table(caption=f"{title} by {unit}", head=(unit, *heads), groups=tuple(groups))
