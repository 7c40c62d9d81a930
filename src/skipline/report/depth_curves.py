"""The training curves of a depth study: error against epoch, one panel a depth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from skipline.report.depth_error import MARKERS
from skipline.report.html.page import Panel
from skipline.report.html.table import Table, thinned
from skipline.report.number import count, percent
from skipline.report.plot.axis import Axis, linear_axis
from skipline.report.plot.chart import Band, Chart, Dots, Line, Mark
from skipline.report.records.spread import Spread, spread
from skipline.report.records.study import CellRecord, CurvePoint, DepthStudy, UnitName

# A page of numbers; more rows say nothing that the chart does not, and the study's file has them all.
MOST_ROWS = 200

_Pick = Callable[[CurvePoint], float]


def curve_panels(study: DepthStudy) -> tuple[Panel, ...]:
    """Training error (mean and range of the finished seeds) and test error by epoch, all panels on one scale.

    A seed that diverged has a line of its own that ends in a cross. A depth whose cells have no curve has no panel.
    """
    points = [point for cell in study.cells for point in cell.curve]
    x = linear_axis([point.epoch for point in points], title="epoch", whole=True, round_ends=False)
    values = [100 * error for point in points for error in (point.train_error, point.test_error)]
    y = linear_axis(values, title="error (%)")
    with_curve = (d for d in study.depths if any(cell.curve for cell in study.cells if cell.depth == d))
    return tuple(_panel(study, depth=depth, x=x, y=y) for depth in with_curve)


def _train(point: CurvePoint) -> float:
    return point.train_error


def _test(point: CurvePoint) -> float:
    return point.test_error


def _panel(study: DepthStudy, *, depth: int, x: Axis, y: Axis) -> Panel:
    marks: list[Mark] = []
    sentences = []
    for unit in study.units:
        cells = study.at(unit=unit, depth=depth)
        done = tuple(cell for cell in cells if cell.status == "done")
        train = _by_epoch(done, _train)
        marks += _finished_marks(unit, train=train, test=_by_epoch(done, _test))
        for cell in cells:
            marks += _diverged_marks(cell) if cell.status == "diverged" else ()
        sentences.append(_sentence(unit, train=train, num_lost=len(cells) - len(done)))
    chart = Chart(
        title=f"{count(depth)} layers", description=" ".join(sentences), x=x, y=y, marks=tuple(marks), height=140
    )
    return Panel(chart=chart, data=_table(study, depth=depth))


def _by_epoch(cells: tuple[CellRecord, ...], pick: _Pick) -> dict[int, Spread]:
    epochs = sorted({point.epoch for cell in cells for point in cell.curve})
    return {
        epoch: spread(pick(point) for cell in cells for point in cell.curve if point.epoch == epoch) for epoch in epochs
    }


def _finished_marks(unit: UnitName, *, train: dict[int, Spread], test: dict[int, Spread]) -> Iterator[Mark]:
    if not train:
        return
    yield Band(points=tuple((epoch, 100 * s.low, 100 * s.high) for epoch, s in train.items()), look=unit)
    yield Line(points=tuple((epoch, 100 * s.mean) for epoch, s in test.items()), look=unit, stroke="dotted")
    yield Line(points=tuple((epoch, 100 * s.mean) for epoch, s in train.items()), look=unit, label=unit)
    last = max(train)
    yield Dots(
        points=((last, 100 * train[last].mean),),
        names=(f"{unit}, epoch {last}: training error {percent(train[last].mean)}",),
        look=unit,
        marker=MARKERS[unit],
    )


def _diverged_marks(cell: CellRecord) -> Iterator[Mark]:
    """The curve of a seed that diverged, as far as it goes, and a cross where it ends."""
    points = tuple((point.epoch, 100 * point.train_error) for point in cell.curve)
    yield Line(points=points, look=cell.unit, stroke="dashed")
    name = f"{cell.unit}, seed {cell.seed}: diverged"
    finite = [point for point in points if math.isfinite(point[1])][-1:]
    yield Dots(points=tuple(finite), names=(name,) * len(finite), look=cell.unit, marker="cross")


def _sentence(unit: UnitName, *, train: dict[int, Spread], num_lost: int) -> str:
    lost = f" {num_lost} of its seeds diverged." if num_lost else ""
    if not train:
        return f"{unit.capitalize()}: no finished seed.{lost}"
    first, last = min(train), max(train)
    return (
        f"{unit.capitalize()}: mean training error {percent(train[first].mean)} in epoch {first}, "
        f"{percent(train[last].mean)} in epoch {last}.{lost}"
    )


def _table(study: DepthStudy, *, depth: int) -> Table:
    columns: list[tuple[str, dict[int, Spread]]] = []
    for unit in study.units:
        done = tuple(cell for cell in study.at(unit=unit, depth=depth) if cell.status == "done")
        columns += [(f"{unit}, training", _by_epoch(done, _train)), (f"{unit}, test", _by_epoch(done, _test))]
    epochs = sorted({epoch for _, values in columns for epoch in values})
    rows = (
        (str(epoch), *(percent(values[epoch].mean) if epoch in values else "" for _, values in columns))
        for epoch in epochs
    )
    return Table(
        caption=f"Mean error of the finished seeds at {count(depth)} layers, by epoch",
        head=("epoch", *(name for name, _ in columns)),
        groups=(("", thinned(rows, most=MOST_ROWS)),),
    )
