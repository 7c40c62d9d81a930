"""The charts of an evaluation: confidence against accuracy, and error against coverage."""

from __future__ import annotations

from collections.abc import Sequence

from skipline.report.axis import linear_axis
from skipline.report.chart import Chart, Dots, Line, Mark, Marker, Stroke
from skipline.report.evaluation_record import BinRecord, EvaluationFile, PointRecord
from skipline.report.number import count, percent
from skipline.report.page import Key, Panel
from skipline.report.table import Table, thinned

_MOST_ROWS = 25  # of the table under the curve; evaluation.json has all points

KEYS = (
    Key(look="residual", label="as the net says it", strokes=("solid",), markers=("circle",)),
    Key(look="plain", label="after temperature scaling", strokes=("dashed",), markers=("square",)),
    Key(look="neutral", label="what honest confidence, or a perfect order, would give", strokes=("dotted",)),
)


def evaluation_panels(found: EvaluationFile) -> tuple[Panel, ...]:
    """The reliability diagram, and the risk-coverage curve."""
    return _reliability(found), _risk_coverage(found)


def _reliability(found: EvaluationFile) -> Panel:
    plain, scaled = found.calibration, found.tempered
    low = min(b.confidence for b in (*plain.bins, *scaled.bins))
    start = min(0.9, int(low * 10) / 10)
    honest = Line(points=((100 * start, 100 * start), (100.0, 100.0)), look="neutral", stroke="dotted")
    values = [100 * b.accuracy for b in (*plain.bins, *scaled.bins)]
    chart = Chart(
        title="Confidence and accuracy",
        description=(
            f"Answers in groups of like confidence. The calibration error is {percent(plain.ece_equal_mass)}, after "
            f"temperature scaling {percent(scaled.ece_equal_mass)}."
        ),
        x=linear_axis((100 * start, 100.0), title="confidence (%)", zero=False, round_ends=False),
        y=linear_axis((*values, 100 * start, 100.0), title="right (%)", zero=False),
        marks=(
            honest,
            *_groups(plain.bins, look="residual", stroke="solid", marker="circle"),
            *_groups(scaled.bins, look="plain", stroke="dashed", marker="square"),
        ),
        height=210,
    )
    rows = tuple(_row(b) for b in plain.bins), tuple(_row(b) for b in scaled.bins)
    table = Table(
        caption="Groups of like confidence, equally large where they can be",
        head=("confidence", "right", "images"),
        groups=(("as the net says it", rows[0]), ("after temperature scaling", rows[1])),
    )
    return Panel(chart=chart, data=table)


def _groups(bins: Sequence[BinRecord], *, look: str, stroke: Stroke, marker: Marker) -> tuple[Mark, ...]:
    points = tuple((100 * b.confidence, 100 * b.accuracy) for b in bins)
    dots = Dots(points=points, names=tuple(map(_said, bins)), look=look, marker=marker)
    return Line(points=points, look=look, stroke=stroke), dots


def _row(b: BinRecord) -> tuple[str, ...]:
    return percent(b.confidence), percent(b.accuracy), count(b.num_images)


def _said(b: BinRecord) -> str:
    return f"{count(b.num_images)} images of mean confidence {percent(b.confidence)}: {percent(b.accuracy)} right"


def _risk_coverage(found: EvaluationFile) -> Panel:
    curve = found.risk_coverage.curve
    error = curve[-1].risk
    points = tuple((100 * point.coverage, 100 * point.risk) for point in curve)
    least = tuple((100 * c, 100 * max(0.0, (c - (1 - error)) / c)) for c in _coverages(curve, error))
    chart = Chart(
        title="Error among the surest answers",
        description=(
            f"From the surest answers to all of them: at full coverage the error is {percent(error)}. The area under "
            f"the curve is {found.risk_coverage.area.value:.4f}; {found.risk_coverage.least_area:.4f} were the least."
        ),
        x=linear_axis((0.0, 100.0), title="answered (%)", round_ends=False),
        y=linear_axis([y for _, y in points], title="wrong of those (%)"),
        marks=(
            Line(points=least, look="neutral", stroke="dotted"),
            Line(points=points, look="residual"),
            Dots(points=points[-1:], names=(f"all answered: {percent(error)} wrong",), look="residual"),
        ),
        height=210,
    )
    rows = tuple((percent(p.coverage, places=0), percent(p.risk)) for p in thinned(curve, most=_MOST_ROWS))
    table = Table(caption="Error among the surest answers", head=("answered", "wrong of those"), groups=(("", rows),))
    return Panel(chart=chart, data=table)


def _coverages(curve: Sequence[PointRecord], error: float) -> list[float]:
    return sorted({*(point.coverage for point in curve), max(1 - error, 1e-6)})
