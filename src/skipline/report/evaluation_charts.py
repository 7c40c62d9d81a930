"""The charts of an evaluation: confidence against accuracy, and error against coverage."""

from __future__ import annotations

from collections.abc import Sequence

from skipline.report.html.page import Key, Panel
from skipline.report.html.table import Table, thinned
from skipline.report.number import count, percent
from skipline.report.plot.axis import linear_axis
from skipline.report.plot.chart import Chart, Dots, Line, Mark, Marker, Stroke
from skipline.report.records.evaluation import BinRecord, EvaluationFile, PointRecord

_MOST_ROWS = 25  # of the table under the curve; evaluation.json has all points
# Guessed: of fewer images a group's accuracy moves by more than 16 points (its standard error at one half), and a line
# through fewer groups is no curve.
_LEAST_IMAGES, _LEAST_GROUPS = 10, 3

_OF_BOTH = (
    Key(look="residual", label="before temperature scaling", strokes=("solid",), markers=("circle",)),
    Key(look="plain", label="after temperature scaling", strokes=("dashed",), markers=("square",)),
    Key(look="neutral", label="perfect calibration, or perfect ranking", strokes=("dotted",)),
)
_OF_THE_CURVE = (
    Key(look="residual", label="the model", strokes=("solid",), markers=("circle",)),
    Key(look="neutral", label="perfect ranking", strokes=("dotted",)),
)


def evaluation_panels(found: EvaluationFile) -> tuple[Panel, ...]:
    """The reliability diagram, where the images make enough groups for one, and the risk-coverage curve."""
    curve = _risk_coverage(found)
    return (_reliability(found), curve) if has_reliability(found) else (curve,)


def evaluation_keys(found: EvaluationFile) -> tuple[Key, ...]:
    """What the lines of `evaluation_panels` are."""
    return _OF_BOTH if has_reliability(found) else _OF_THE_CURVE


def has_reliability(found: EvaluationFile) -> bool:
    """Whether there are enough images for a reliability diagram."""
    return len(_merged(found.calibration.bins)) >= _LEAST_GROUPS


def _merged(bins: Sequence[BinRecord]) -> tuple[BinRecord, ...]:
    """Neighbouring groups put together until each has `_LEAST_IMAGES`; too small a rest joins the last one."""
    groups: list[list[BinRecord]] = [[]]
    for b in bins:
        if sum(one.num_images for one in groups[-1]) >= _LEAST_IMAGES:
            groups.append([])
        groups[-1].append(b)
    if len(groups) > 1 and sum(one.num_images for one in groups[-1]) < _LEAST_IMAGES:
        rest = groups.pop()
        groups[-1] += rest
    return tuple(_joined(group) for group in groups if group)


def _joined(group: Sequence[BinRecord]) -> BinRecord:
    num = sum(b.num_images for b in group)
    return BinRecord(
        num_images=num,
        confidence=sum(b.num_images * b.confidence for b in group) / num,
        accuracy=sum(b.num_images * b.accuracy for b in group) / num,
    )


def _reliability(found: EvaluationFile) -> Panel:
    plain, scaled = found.calibration, found.tempered
    bins, scaled_bins = _merged(plain.bins), _merged(scaled.bins)
    low = min(b.confidence for b in (*bins, *scaled_bins))
    start = min(0.9, int(low * 10) / 10)
    honest = Line(points=((100 * start, 100 * start), (100.0, 100.0)), look="neutral", stroke="dotted")
    values = [100 * b.accuracy for b in (*bins, *scaled_bins)]
    chart = Chart(
        title="Confidence and accuracy",
        description=(
            f"Predictions in groups of similar confidence. Calibration error {percent(plain.ece_equal_mass)}, after "
            f"temperature scaling {percent(scaled.ece_equal_mass)}."
        ),
        x=linear_axis((100 * start, 100.0), title="confidence (%)", zero=False, round_ends=False),
        y=linear_axis((*values, 100 * start, 100.0), title="accuracy (%)", zero=False),
        marks=(
            honest,
            *_groups(bins, look="residual", stroke="solid", marker="circle"),
            *_groups(scaled_bins, look="plain", stroke="dashed", marker="square"),
        ),
        height=210,
    )
    rows = tuple(_row(b) for b in bins), tuple(_row(b) for b in scaled_bins)
    table = Table(
        caption="Groups of similar confidence, of equal size where possible",
        head=("confidence", "accuracy", "images"),
        groups=(("before temperature scaling", rows[0]), ("after temperature scaling", rows[1])),
    )
    return Panel(chart=chart, data=table)


def _groups(bins: Sequence[BinRecord], *, look: str, stroke: Stroke, marker: Marker) -> tuple[Mark, ...]:
    points = tuple((100 * b.confidence, 100 * b.accuracy) for b in bins)
    dots = Dots(points=points, names=tuple(map(_said, bins)), look=look, marker=marker)
    return Line(points=points, look=look, stroke=stroke), dots


def _row(b: BinRecord) -> tuple[str, ...]:
    return percent(b.confidence), percent(b.accuracy), count(b.num_images)


def _said(b: BinRecord) -> str:
    return f"{count(b.num_images)} images, mean confidence {percent(b.confidence)}: accuracy {percent(b.accuracy)}"


def _risk_coverage(found: EvaluationFile) -> Panel:
    curve = found.risk_coverage.curve
    error = curve[-1].risk
    points = tuple((100 * point.coverage, 100 * point.risk) for point in curve)
    least = tuple((100 * c, 100 * max(0.0, (c - (1 - error)) / c)) for c in _coverages(curve, error))
    chart = Chart(
        title="Error of the most confident predictions",
        description=(
            f"From the most confident predictions to all: at full coverage the error is {percent(error)}. The area "
            f"under the curve is {found.risk_coverage.area.value:.4f}, at best {found.risk_coverage.least_area:.4f}."
        ),
        x=linear_axis((0.0, 100.0), title="coverage (%)", round_ends=False),
        y=linear_axis([y for _, y in points], title="error (%)"),
        marks=(
            Line(points=least, look="neutral", stroke="dotted"),
            Line(points=points, look="residual"),
            Dots(points=points[-1:], names=(f"all images: {percent(error)} error",), look="residual"),
        ),
        height=210,
    )
    rows = tuple((percent(p.coverage, places=0), percent(p.risk)) for p in thinned(curve, most=_MOST_ROWS))
    table = Table(caption="Error of the most confident predictions", head=("coverage", "error"), groups=(("", rows),))
    return Panel(chart=chart, data=table)


def _coverages(curve: Sequence[PointRecord], error: float) -> list[float]:
    return sorted({*(point.coverage for point in curve), max(1 - error, 1e-6)})
