"""The chart of singular values: how a small change at the start of each net arrives at its end."""

from __future__ import annotations

from collections.abc import Sequence

from skipline.report.html.page import Key, Panel
from skipline.report.html.table import Table
from skipline.report.number import MISSING, count, number
from skipline.report.plot.axis import linear_axis, log_axis
from skipline.report.plot.chart import Chart, Line
from skipline.report.plot.thin import thin_line
from skipline.report.records.net import NetRecord
from skipline.report.signal_charts import styled

# A value below this part of the largest is rounding of fp32, 2⁻²³, and 0 for all that is known.
ROUNDING = 1e-7
_MOST_POINTS = 300
_SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)

Spectra = Sequence[tuple[NetRecord, tuple[float, ...]]]
"""Of each net its singular values, the largest first."""


def spectrum_panel(spectra: Spectra) -> Panel:
    """All values of each net, sorted, over their share: level where a small change arrives as it went in."""
    lines = []
    for (_, values), (_, style) in zip(spectra, styled([net for net, _ in spectra]), strict=True):
        points = [(place, value) for place, value in _placed(values) if value > ROUNDING * values[0]]
        line = thin_line(points, most=_MOST_POINTS)
        lines.append(Line(points=line, look=style.look, stroke=style.stroke, label=style.label))
    shown = [value for line in lines for _, value in line.points]
    chart = Chart(
        title="Jacobian",
        description=" ".join(_sentence(net.name, values) for net, values in spectra),
        x=linear_axis([0.0, 1.0], title="share of the singular values"),
        y=log_axis([*shown, 1.0], title="singular value (log scale)"),
        marks=tuple(lines),
        height=190,
    )
    return Panel(chart=chart, data=_table(spectra))


def spectrum_keys(spectra: Spectra) -> tuple[Key, ...]:
    """Which line is which net."""
    nets = [net for net, _ in spectra]
    return tuple(
        Key(
            look=style.look,
            label=f"{style.label}, {net.name}: measured"
            if style.label not in ("", net.name)
            else f"{net.name}: measured",
            strokes=(style.stroke,),
        )
        for net, style in styled(nets)
    )


def _placed(values: tuple[float, ...]) -> list[tuple[float, float]]:
    return [(place / max(1, len(values) - 1), value) for place, value in enumerate(values)]


def _zeros(values: tuple[float, ...]) -> int:
    return sum(value <= ROUNDING * values[0] for value in values)


def _sentence(name: str, values: tuple[float, ...]) -> str:
    zeros = _zeros(values)
    lost = f", {count(zeros)} of them 0 to rounding" if zeros else ""
    return f"{name}: {count(len(values))} singular values from {number(values[0])} to {number(values[-1])}{lost}."


def _table(spectra: Spectra) -> Table:
    """How large the value is that a share of all exceeds, and how many are 0."""
    head = ("net", *(f"{round(100 * share)} % are above" for share in _SHARES[1:-1]), "largest", "smallest", "zero")
    rows = tuple(
        (
            net.name,
            *(number(values[round(share * (len(values) - 1))]) for share in _SHARES[1:-1]),
            number(values[0]),
            number(values[-1]),
            count(_zeros(values)) if _zeros(values) else MISSING,
        )
        for net, values in spectra
    )
    return Table(caption="Singular values of the Jacobian", head=head, groups=(("", rows),))
