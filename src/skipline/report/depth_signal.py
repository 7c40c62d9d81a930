"""The linear net's figure: a signal that passes ℓ layers W = αI shrinks or grows as α to the power ℓ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from skipline.report.html.page import Panel
from skipline.report.html.table import Table
from skipline.report.number import count, number
from skipline.report.plot.axis import linear_axis, log_axis
from skipline.report.plot.chart import Chart, Dots, Line, Mark
from skipline.report.records.study import LinearRecord
from skipline.theory import linear

DEEPEST = 1000  # layers up to which the end of 32-bit floats is looked for: guessed, twenty times the lecture's net

_Pick = Callable[[LinearRecord], Sequence[float]]


def signal_panels(nets: Sequence[LinearRecord]) -> tuple[Panel, Panel]:
    """Measured output and gradient norms (points) of `nets` against depth, the predicted law (lines) beside them.

    A value that is not above 0 or not finite has no place on a log scale: it stands in the table alone.
    """
    return (
        _panel(nets, title="Signal", axis="output norm ÷ input norm (log scale)", pick=lambda net: net.forward),
        _panel(
            nets, title="Gradient", axis="input gradient ÷ output gradient (log scale)", pick=lambda net: net.gradient
        ),
    )


def factor(net: LinearRecord) -> str:
    """Say the factor α of one net as it is written in formulas: `0.5`."""
    return f"{net.alpha:g}"


def look_of(alpha: float) -> str:
    """The class of chart.css for a factor: what vanishes and what explodes differ in colour."""
    return "vanish" if alpha < 1 else "explode"


def num_hidden(nets: Sequence[LinearRecord]) -> int:
    """How many measured values have no place on a log scale."""
    return sum(not _drawable(value) for net in nets for values in (net.forward, net.gradient) for value in values)


def sentence(net: LinearRecord) -> str:
    """Say how far the signal of one net came at its greatest depth, predicted and measured."""
    depth, predicted, forward, gradient = max(zip(net.depth, net.predicted, net.forward, net.gradient, strict=True))
    return (
        f"α = {factor(net)}: after {count(depth)} layers the theory says {number(predicted)}; "
        f"measured were {number(forward)} for the signal and {number(gradient)} for the gradient."
    )


def limit_sentence(net: LinearRecord) -> str:
    """Say what the theory adds at the greatest depth: the weights' gradients, and where 32-bit floats end."""
    depth = max(net.depth)
    weights = number(abs(linear.gradient(net.alpha, depth)))
    said = f"The gradient of each weight passes the other layers only: it is multiplied by αˡ⁻¹ = {weights}."
    end = linear.range_end(net.alpha, "float32", deepest=DEEPEST)
    if end is None:
        return said
    what = "zero" if net.alpha < 1 else "infinite"
    return f"{said} In 32-bit floats the signal is exactly {what} from layer {count(end)} on."


def _drawable(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _panel(nets: Sequence[LinearRecord], *, title: str, axis: str, pick: _Pick) -> Panel:
    x = linear_axis([d for net in nets for d in net.depth], title="depth ℓ (layers)", whole=True, round_ends=False)
    y = log_axis([value for net in nets for values in (pick(net), net.predicted) for value in values], title=axis)
    chart = Chart(
        title=f"{title} in a linear net",
        description=" ".join(sentence(net) for net in nets),
        x=x,
        y=y,
        marks=tuple(mark for net in nets for mark in _marks(net, pick(net))),
        height=190,
    )
    return Panel(chart=chart, data=_table(nets, title=title, pick=pick))


def _marks(net: LinearRecord, measured: Sequence[float]) -> Iterator[Mark]:
    look, alpha = look_of(net.alpha), factor(net)
    predicted = tuple((d, v if _drawable(v) else math.nan) for d, v in zip(net.depth, net.predicted, strict=True))
    yield Line(points=predicted, look=look, stroke="broad", label=f"α = {alpha}")
    kept = [(d, v) for d, v in zip(net.depth, measured, strict=True) if _drawable(v)]
    names = tuple(f"α = {alpha}, {count(d)} layers: measured {number(v)}" for d, v in kept)
    yield Dots(points=tuple(kept), names=names, look=look, marker="point")


def _table(nets: Sequence[LinearRecord], *, title: str, pick: _Pick) -> Table:
    columns = [dict(zip(net.depth, zip(pick(net), net.predicted, strict=True), strict=True)) for net in nets]
    depths = sorted({depth for column in columns for depth in column})
    rows = []
    for depth in depths:
        cells = (number(value) for column in columns for value in column.get(depth, (math.nan, math.nan)))
        rows.append((count(depth), *cells))
    heads = (f"{word}, α = {factor(net)}" for net in nets for word in ("measured", "predicted"))
    return Table(caption=f"{title} in a linear net, by depth", head=("layers", *heads), groups=(("", tuple(rows)),))
