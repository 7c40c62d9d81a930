"""Heat maps: one quantity over depth and steps, in levels that can be told apart without colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from skipline.report.html.page import Key, Panel
from skipline.report.html.table import Table, thinned
from skipline.report.number import MISSING, count, counted, number, percent, power_of_ten
from skipline.report.plot.axis import Axis, Kind, linear_axis
from skipline.report.plot.cells import level_look
from skipline.report.plot.chart import LOST, NO_LEVEL, NUM_LEVELS, Cells, Chart

MOST_ROWS, MOST_COLUMNS = 48, 64  # cells of a map about 250 by 200: smaller ones would not be seen
_TABLE_ROWS, _TABLE_COLUMNS = 60, 8
_SHARES = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95)  # the ends are narrow: there a layer is alive or dead as a whole
_DECADES = (1, 2, 3, 5, 10, 15, 20, 30, 50, 100)


@dataclass(frozen=True, kw_only=True)
class Field:
    """One value for each layer and step: `values[r][c]` is that of `names[r]` at `steps[c]`.

    `names` stand in the order in which the signal passes them. A value that was not taken is None; what is not
    finite is shown as lost.
    """

    names: tuple[str, ...]
    steps: tuple[int, ...]
    values: tuple[tuple[float | None, ...], ...]
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How values become levels: `levels[n]` holds what is at least `starts[n]` and below the next start."""

    starts: tuple[float, ...]
    names: tuple[str, ...]
    levels: tuple[int, ...]

    def level(self, value: float | None) -> int:
        """The level of `value`; `NO_LEVEL` for what is below the first or was not taken, `LOST` for ∞ and NaN."""
        if value is None:
            return NO_LEVEL
        if not math.isfinite(value):
            return LOST
        index = sum(value >= start for start in self.starts) - 1
        return self.levels[index] if index >= 0 else NO_LEVEL


def scale_of(field: Field) -> Scale:
    """At most seven levels, apart in lightness as far as they can be.

    Linear: parts of 1. Logarithmic: 1, 3, 10, 30, … where the values span little, else powers of ten; where they span
    more than there are levels a level holds several powers, and what is still smaller has none.
    """
    if field.kind == "linear":
        return _scale(_SHARES, [percent(start, places=0) for start in _SHARES])
    positive = [v for row in field.values for v in row if v is not None and math.isfinite(v) and v > 0]
    # Twice the logarithm counts 1, 3, 10, 30, … : √10 is 3 to a part in twenty.
    low, high = (math.floor(2 * math.log10(pick(positive, default=1.0) * 1.06)) for pick in (min, max))
    if high - low < NUM_LEVELS:
        halves = range(low, high + 1)
        starts = [(3.0 if half % 2 else 1.0) * 10.0 ** (half // 2) for half in halves]
        return _scale(starts, [f"{start:g}" if 1e-3 <= start < 1e4 else number(start, digits=1) for start in starts])
    low, high = (math.floor(math.log10(pick(positive)) + 1e-9) for pick in (min, max))
    step = next((step for step in _DECADES if high // step - low // step < NUM_LEVELS), _DECADES[-1])
    top = step * (high // step)
    first = max(step * (low // step), top - step * (NUM_LEVELS - 1))
    exponents = range(first, top + 1, step)
    return _scale([10.0**exponent for exponent in exponents], [power_of_ten(exponent) for exponent in exponents])


def _scale(starts: Sequence[float], names: Sequence[str]) -> Scale:
    last = max(len(starts) - 1, 1)
    levels = tuple(round(index * (NUM_LEVELS - 1) / last) for index in range(len(starts)))
    return Scale(starts=tuple(starts), names=tuple(names), levels=levels)


def heat_panel(field: Field, *, title: str, axis: str, labels: Sequence[tuple[int, str]]) -> Panel:
    """The map: steps across, layers up from the images; `labels` name rows, as (row, text)."""
    scale = scale_of(field)
    rows, columns = _parts(len(field.names), MOST_ROWS), _parts(len(field.steps), MOST_COLUMNS)
    middle = _middle(field)
    levels = tuple(tuple(scale.level(_folded(field, row, column, middle=middle)) for column in columns) for row in rows)
    edges = _step_edges(field.steps)
    chart = Chart(
        title=title,
        description=_description(field, title=title),
        x=linear_axis(edges, title="step", whole=True, zero=False, round_ends=False),
        y=_row_axis(len(field.names), labels=labels, title=axis),
        marks=(
            Cells(
                columns=(*(edges[part.start] for part in columns), edges[-1]),
                rows=(*(float(part.start) for part in rows), float(len(field.names))),
                levels=levels,
                names=tuple(scale.names[scale.levels.index(n)] if n in scale.levels else "" for n in range(NUM_LEVELS)),
            ),
        ),
        height=210,
    )
    return Panel(chart=chart, data=_table(field, title=title))


def heat_keys(field: Field) -> tuple[Key, ...]:
    """What the levels of a map mean, from pale to strong, and what dots and hatching are; only those that occur."""
    scale = scale_of(field)
    found = {scale.level(value) for row in field.values for value in row}
    keys = []
    if NO_LEVEL in found:
        keys.append(Key(look=level_look(NO_LEVEL), label=f"below {scale.names[0]}, zero, or not taken"))
    for index, (level, name) in enumerate(zip(scale.levels, scale.names, strict=True)):
        end = f" to {scale.names[index + 1]}" if index + 1 < len(scale.names) else " and more"
        keys.append(Key(look=level_look(level), label=f"{name}{end}"))
    if LOST in found:
        keys.append(Key(look=level_look(LOST), label="not finite"))
    return tuple(keys)


def _parts(num: int, most: int) -> tuple[range, ...]:
    """`num` indices in at most `most` parts of nearly equal length."""
    parts = min(num, most)
    return tuple(range(part * num // parts, (part + 1) * num // parts) for part in range(parts))


def _folded(field: Field, rows: range, columns: range, *, middle: float) -> float | None:
    """What a cell of several values shows: one that is not finite, else the one farthest from the field's median.

    So neither a layer that vanishes nor one that explodes is lost among its neighbours.
    """
    values = [value for row in rows for column in columns if (value := field.values[row][column]) is not None]
    lost = [value for value in values if not math.isfinite(value)]
    if lost or not values:
        return lost[0] if lost else None
    return max(values, key=lambda value: abs(_measure(value, field.kind) - middle))


def _measure(value: float, kind: Kind) -> float:
    """The value, or its logarithm; a zero lies below every other."""
    if kind == "linear":
        return value
    return math.log(value) if value > 0 else -math.inf


def _middle(field: Field) -> float:
    measures = [_measure(v, field.kind) for row in field.values for v in row if v is not None and math.isfinite(v)]
    return median([measure for measure in measures if math.isfinite(measure)] or [0.0])


def _step_edges(steps: Sequence[int]) -> tuple[float, ...]:
    """Each probe stands for the steps until the next; the last for as many as the one before."""
    last = steps[-1] + (steps[-1] - steps[-2] if len(steps) > 1 else 1)
    return (*map(float, steps), float(last))


def _row_axis(num: int, *, labels: Sequence[tuple[int, str]], title: str) -> Axis:
    kept: list[tuple[int, str]] = []
    for row, text in labels:
        # A label is 12 units high of a map of 210.
        if not kept or row - kept[-1][0] >= num * 14 / 210:
            kept.append((row, text))
    ticks, texts = tuple(float(row) for row, _ in kept), tuple(text for _, text in kept)
    return Axis(title=title, kind="linear", low=0.0, high=float(num), ticks=ticks, labels=texts)


def _say(value: float | None, kind: Kind) -> str:
    if value is None:
        return MISSING
    return percent(value, places=1) if kind == "linear" and math.isfinite(value) else number(value, digits=2)


def _description(field: Field, *, title: str) -> str:
    values = [value for row in field.values for value in row if value is not None]
    finite = [value for value in values if math.isfinite(value)]
    lost = len(values) - len(finite)
    span = f"from {_say(min(finite), field.kind)} to {_say(max(finite), field.kind)}" if finite else "no finite value"
    return (
        f"{title} of {count(len(field.names))} layers at {counted(len(field.steps), 'step', 'steps')}, "
        f"{field.steps[0]} to {field.steps[-1]}: {span}; {count(lost)} values are not finite."
    )


def _table(field: Field, *, title: str) -> Table:
    """Some of the layers at some of the steps, evenly spaced, the first and the last among them."""
    columns = thinned(range(len(field.steps)), most=_TABLE_COLUMNS)
    rows = [
        (name, *(_say(values[column], field.kind) for column in columns))
        for name, values in zip(field.names, field.values, strict=True)
    ]
    head = ("layer", *(f"step {count(field.steps[column])}" for column in columns))
    kept = thinned(rows, most=_TABLE_ROWS)
    thin = "" if len(kept) == len(rows) and len(columns) == len(field.steps) else ", some of them, evenly spaced"
    return Table(caption=f"{title} by layer and step{thin}", head=head, groups=(("", kept),))
