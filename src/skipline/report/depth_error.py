"""The main figure of a depth study: final error against depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from skipline.report.html.page import Panel
from skipline.report.html.table import Table
from skipline.report.number import MISSING, SPACE, count, percent
from skipline.report.plot.axis import Axis, axis_at, linear_axis
from skipline.report.plot.chart import Band, Chart, Dots, Lane, Line, Mark, Marker, Rule
from skipline.report.records.spread import Spread, spread
from skipline.report.records.study import CellRecord, DepthStudy, UnitName

MARKERS: dict[UnitName, Marker] = {"plain": "square", "residual": "circle"}
# From this ratio of the deepest net to the shallowest, a linear axis presses the shallow ones together (looked at).
_LOG_DEPTH_RATIO = 8


@dataclass(frozen=True, kw_only=True)
class FinalError:
    """One of the two final errors: its name, whose images, and how to read it off a cell, as a fraction."""

    name: str
    images: str
    of: Callable[[CellRecord], float]


TRAINING = FinalError(name="training error", images="training", of=lambda cell: cell.train_error)
TEST = FinalError(name="test error", images="test", of=lambda cell: cell.test_error)


def error_panels(study: DepthStudy) -> tuple[Panel, ...]:
    """Final training and test error against depth on one scale: each seed a marker, a line through the means."""
    values = [100 * part.of(cell) for cell in study.cells for part in (TRAINING, TEST) if cell.status == "done"]
    values += [100 * guess for guess in _guessing(study)]
    return tuple(
        _panel(study, part, y=linear_axis(values, title=f"{part.name} (%)", num=5)) for part in (TRAINING, TEST)
    )


def final_spread(study: DepthStudy, part: FinalError, *, unit: UnitName, depth: int) -> Spread:
    """The final error of one unit's seeds at one depth, as fractions; seeds that diverged are left out."""
    return spread(part.of(cell) for cell in study.at(unit=unit, depth=depth) if cell.status == "done")


def spread_text(errors: Spread) -> str:
    """Say mean ± sample standard deviation in per cent; the mean alone for one seed; a dash for none."""
    if errors.num < 2:
        return percent(errors.mean)
    return f"{percent(errors.mean).removesuffix(f'{SPACE}%')} ±{SPACE}{percent(errors.deviation)}"


def _guessing(study: DepthStudy) -> tuple[float, ...]:
    return () if study.num_classes is None else (1 - 1 / study.num_classes,)


def _depth_axis(study: DepthStudy) -> Axis:
    depths = study.depths
    log = depths[-1] / depths[0] >= _LOG_DEPTH_RATIO
    title = "depth (weighted layers, log scale)" if log else "depth (weighted layers)"
    # A tenth of the range on either side keeps the outer markers off the edges.
    return axis_at(depths, title=title, labels=[count(d) for d in depths], kind="log" if log else "linear", margin=0.1)


def _panel(study: DepthStudy, part: FinalError, *, y: Axis) -> Panel:
    marks: list[Mark] = [Rule(y=100 * guess, label="guessing") for guess in _guessing(study)]
    for unit in study.units:
        marks += _lines(study, part, unit=unit)
    for unit in study.units:
        marks.append(_dots(study, unit, status="done", value=lambda cell: 100 * part.of(cell)))
    diverged = tuple(
        _dots(study, unit, status="diverged", value=lambda _: 0.0)
        for unit in study.units
        if any(cell.status == "diverged" and cell.unit == unit for cell in study.cells)
    )
    title = f"On the {part.images} images"
    chart = Chart(
        title=title,
        description=" ".join(_sentences(study, part)),
        x=_depth_axis(study),
        y=y,
        marks=tuple(marks),
        lanes=(Lane(label="diverged", dots=diverged),) if diverged else (),
        height=190,
    )
    return Panel(chart=chart, data=_table(study, part))


def _lines(study: DepthStudy, part: FinalError, *, unit: UnitName) -> Iterator[Mark]:
    spreads = [(depth, final_spread(study, part, unit=unit, depth=depth)) for depth in study.depths]
    yield Band(points=tuple((d, 100 * s.low, 100 * s.high) for d, s in spreads), look=unit)
    yield Line(points=tuple((d, 100 * s.mean) for d, s in spreads), look=unit, label=unit)


def _dots(study: DepthStudy, unit: UnitName, *, status: str, value: Callable[[CellRecord], float]) -> Dots:
    cells = [cell for depth in study.depths for cell in study.at(unit=unit, depth=depth) if cell.status == status]
    return Dots(
        points=tuple((cell.depth, value(cell)) for cell in cells),
        names=tuple(_name(cell) for cell in cells),
        look=unit,
        marker=MARKERS[unit] if status == "done" else "cross",
    )


def _name(cell: CellRecord) -> str:
    errors = f"training error {percent(cell.train_error)}, test error {percent(cell.test_error)}"
    result = "diverged" if cell.status == "diverged" else errors
    return f"{cell.unit}, depth {count(cell.depth)}, seed {cell.seed}: {result}"


def _sentences(study: DepthStudy, part: FinalError) -> Iterator[str]:
    for unit in study.units:
        said = []
        for depth in study.depths:
            cells = study.at(unit=unit, depth=depth)
            lost = sum(cell.status == "diverged" for cell in cells)
            if cells:
                mean = spread_text(final_spread(study, part, unit=unit, depth=depth))
                mean = "no finished seed" if mean == MISSING else mean
                said.append(f"{mean} at depth {count(depth)}" + (f" ({lost} of {len(cells)} diverged)" if lost else ""))
        yield f"{unit.capitalize()} nets: {', '.join(said)}."


def _table(study: DepthStudy, part: FinalError) -> Table:
    rows = []
    for depth in study.depths:
        for unit in study.units:
            for cell in study.at(unit=unit, depth=depth):
                error = percent(part.of(cell))
                said = error if cell.status == "done" else f"diverged ({error})" if error != MISSING else "diverged"
                rows.append((count(depth), unit, str(cell.seed), said))
    return Table(
        caption=f"Final {part.name} of every training",
        head=("depth", "unit", "seed", part.name),
        groups=(("", tuple(rows)),),
    )
