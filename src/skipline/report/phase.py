"""The phase diagram: which variances of weights and biases let signals vanish, explode, or pass, and how deep."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from skipline.report.html.page import Key, Panel
from skipline.report.html.table import Table, thinned
from skipline.report.number import count, number
from skipline.report.plot.axis import linear_axis
from skipline.report.plot.chart import LOST, Cells, Chart, Dots, Line, Mark, Point, Word
from skipline.report.plot.contour import contour
from skipline.theory.mean_field import TRAINABLE_SCALES

# Depths whose lines are drawn; beyond the last the lines stand closer than they are wide.
DEPTHS = (10, 20, 50, 100)
_MOST_ROWS = 60
_FINE = 110  # cells to a side: each about as wide as the critical line
_WORD = 12  # the height of a word, in the drawing's units


@dataclass(frozen=True, kw_only=True)
class NetPoint:
    """Where one net stands: variance of the weights (times fan-in), variance of the biases, and the net's name."""

    name: str
    weight_variance: float
    bias_variance: float


@dataclass(frozen=True, kw_only=True)
class PhaseRecord:
    """The factor χ₁ by which one layer multiplies a squared gradient, over a grid, and where nets stand in it.

    `chi[r][c]` is χ₁ at σ_b² = `bias_variances[r]` and σ_w² = `weight_variances[c]`, both rising; NaN where there
    is none. `points` within the grid are marked; others stand in the table.
    """

    activation: str
    weight_variances: tuple[float, ...]
    bias_variances: tuple[float, ...]
    chi: tuple[tuple[float, ...], ...]
    points: tuple[NetPoint, ...]

    def __post_init__(self) -> None:
        found = {(len(self.chi), len(row)) for row in self.chi}
        if found != {(len(self.bias_variances), len(self.weight_variances))}:
            raise ValueError(
                f"phase diagram: χ₁ has {found} values; expected {len(self.bias_variances)} rows (σ_b²) of "
                f"{len(self.weight_variances)} (σ_w²)"
            )
        for name, values in (("σ_w²", self.weight_variances), ("σ_b²", self.bias_variances)):
            if len(values) < 2 or any(after <= before for before, after in pairwise(values)):
                raise ValueError(f"phase diagram: {name} is {values}; expected at least two values, rising")


def phase_panel(record: PhaseRecord) -> Panel:
    """The diagram: σ_w² across, σ_b² up, the critical line, lines of equal trainable depth, and where nets stand."""
    x = linear_axis(record.weight_variances, title="variance of weights × fan-in, σ_w²", zero=False, round_ends=False)
    y = linear_axis(record.bias_variances, title="variance of biases, σ_b²", zero=False, round_ends=False)
    inside = tuple(p for p in record.points if x.shows(p.weight_variance) and y.shows(p.bias_variance))
    lines = tuple(_lines(record))
    chart = Chart(
        title=f"Phase diagram, {record.activation}",
        description=_description(record),
        x=x,
        y=y,
        marks=(_field(record), *(line for line, _, _ in lines), *_points(inside), *_words(record, lines, inside)),
        height=230,
    )
    return Panel(chart=chart, data=_table(record))


def phase_keys(record: PhaseRecord) -> tuple[Key, ...]:
    """What the shades, the lines and the mark of a phase diagram are."""
    return (
        Key(look="level-a", label="ordered: signals and gradients vanish"),
        Key(look="level-c", label="chaotic: gradients explode"),
        Key(look="ink", label="critical: χ₁ = 1", strokes=("solid",)),
        Key(look="neutral", label=f"layers that still train, about {TRAINABLE_SCALES:g}ξ", strokes=("thin",)),
        *((Key(look="net-a", label="you are here", markers=("here",)),) if record.points else ()),
    )


def _field(record: PhaseRecord) -> Cells:
    """The two phases as shades, over a grid so fine that its steps hide under the critical line."""
    columns, rows = _refined(record.weight_variances), _refined(record.bias_variances)
    across, along = _middles(columns), _middles(rows)
    chi = [_between(record.weight_variances, line, across) for line in record.chi]
    upright = [_between(record.bias_variances, [line[c] for line in chi], along) for c in range(len(across))]
    levels = tuple(tuple(_level(line[r]) for line in upright) for r in range(len(along)))
    return Cells(columns=columns, rows=rows, levels=levels, bordered=False)


def _level(chi: float) -> int:
    return LOST if not math.isfinite(chi) else 0 if chi < 1 else 2


def _refined(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(values[0] + (values[-1] - values[0]) * index / _FINE for index in range(_FINE + 1))


def _middles(edges: Sequence[float]) -> tuple[float, ...]:
    return tuple((low + high) / 2 for low, high in pairwise(edges))


def _between(xs: Sequence[float], values: Sequence[float], places: Sequence[float]) -> list[float]:
    """`values` at `xs`, linearly between them, at each of `places`."""
    found = []
    for place in places:
        index = min(max(bisect(xs, place) - 1, 0), len(xs) - 2)
        share = (place - xs[index]) / (xs[index + 1] - xs[index])
        found.append(values[index] + share * (values[index + 1] - values[index]))
    return found


def _lines(record: PhaseRecord) -> Iterator[tuple[Line, str, int]]:
    """The contours, each with its word and how much the word matters: the critical line before the depths."""
    for depth in (math.inf, *reversed(DEPTHS)):
        words = "critical" if math.isinf(depth) else count(int(depth))
        for chi in {math.exp(-TRAINABLE_SCALES / depth), math.exp(TRAINABLE_SCALES / depth)}:
            for points in contour(record.weight_variances, record.bias_variances, record.chi, level=chi):
                critical = math.isinf(depth)
                look, stroke = ("ink", "solid") if critical else ("neutral", "thin")
                yield Line(points=points, look=look, stroke=stroke), words, 0 if critical else 1


def _points(inside: Sequence[NetPoint]) -> Iterator[Mark]:
    for point in inside:
        at = (point.weight_variance, point.bias_variance)
        said = f"{point.name}: σ_w² {number(at[0])}, σ_b² {number(at[1])}"
        yield Dots(points=(at,), names=(said,), look="net-a", marker="here")


def _words(record: PhaseRecord, lines: Sequence[tuple[Line, str, int]], inside: Sequence[NetPoint]) -> Iterator[Word]:
    """Write the points' names, then a word on each line, wherever none touches another or leaves the plot."""
    xs, ys = record.weight_variances, record.bias_variances
    plot = _Plot(left=xs[0], bottom=ys[0], width=xs[-1] - xs[0], height=ys[-1] - ys[0], taken=[])
    for point in inside:
        plot.take((point.weight_variance, point.bias_variance), "oo")
    for point in inside:
        text = point.name if len(inside) > 1 else "you are here"
        at = plot.free_near((point.weight_variance, point.bias_variance), text)
        yield from (Word(at=place, text=text) for place in at)
    for text, phase in (("ordered", 0), ("chaotic", 2)):
        # In the middle of the phase's widest stretch, near the top, where the lines stand farthest apart.
        at = _inside(record, phase)
        if at and plot.is_free(at[0], text):
            plot.take(at[0], text)
            yield Word(at=at[0], text=text)
    for line, text, _ in sorted(lines, key=lambda line: line[2]):
        # From the upper third of a line outward: there the lines stand farthest apart.
        ordered = sorted(_along(line.points), key=lambda at: abs(plot.share(at)[1] - 0.66))
        place = next((at for at in ordered if plot.is_free(at, text)), None)
        if place is not None:
            plot.take(place, text)
            yield Word(at=place, text=text)


def _along(points: Sequence[Point]) -> Iterator[Point]:
    """Places along a line, as many between two of its points as a short line needs for its word."""
    for (x, y), (to_x, to_y) in pairwise(points):
        yield from ((x + (to_x - x) * part / 10, y + (to_y - y) * part / 10) for part in range(11))


def _inside(record: PhaseRecord, phase: int) -> tuple[Point, ...]:
    """A place in the middle of a phase, high up; empty where there is none of that phase."""
    row = round(0.9 * (len(record.bias_variances) - 1))
    columns = [column for column, chi in enumerate(record.chi[row]) if _level(chi) == phase]
    if not columns:
        return ()
    ys = record.bias_variances
    return ((record.weight_variances[columns[len(columns) // 2]], ys[0] + 0.92 * (ys[-1] - ys[0])),)


@dataclass(frozen=True, kw_only=True)
class _Plot:
    """What room is left for words, in shares of the plot; widths are those of a plot 270 by 230."""

    left: float
    bottom: float
    width: float
    height: float
    taken: list[tuple[float, float, float]]

    def share(self, at: Point) -> Point:
        return (at[0] - self.left) / self.width, (at[1] - self.bottom) / self.height

    def is_free(self, at: Point, text: str) -> bool:
        x, y = self.share(at)
        half = _half_width(text)
        if not (half <= x <= 1 - half and 0.04 <= y <= 0.96):
            return False
        return all(abs(x - u) >= half + width or abs(y - v) >= 1.3 * _WORD / 230 for u, v, width in self.taken)

    def take(self, at: Point, text: str) -> None:
        self.taken.append((*self.share(at), _half_width(text)))

    def free_near(self, at: Point, text: str) -> tuple[Point, ...]:
        """The first free place of `text` around `at`: above, below, then to either side; empty if there is none."""
        reach = _half_width(text) * self.width + 0.035 * self.width
        up = 0.075 * self.height
        for across, along in ((0, up), (0, -up), (reach, 0), (-reach, 0), (reach, up), (-reach, up)):
            place = (at[0] + across, at[1] + along)
            if self.is_free(place, text):
                self.take(place, text)
                return (place,)
        return ()


def _half_width(text: str) -> float:
    return (len(text) * _WORD * 0.66 + 6) / 2 / 270


def _description(record: PhaseRecord) -> str:
    xs, ys = record.weight_variances, record.bias_variances
    said = [
        f"For {record.activation}, χ₁ over σ_w² from {number(xs[0])} to {number(xs[-1])} and σ_b² from "
        f"{number(ys[0])} to {number(ys[-1])}. Below the critical line χ₁ is less than 1 and signals vanish; above it "
        "gradients explode."
    ]
    for point in record.points:
        said.append(f"{point.name} stands at σ_w² {number(point.weight_variance)}, σ_b² {number(point.bias_variance)}.")
    return " ".join(said)


def _table(record: PhaseRecord) -> Table:
    """Along the critical line σ_w² for each σ_b²; and the points."""
    critical = contour(record.weight_variances, record.bias_variances, record.chi, level=1.0)
    rows = sorted({(f"{b:.3f}", f"{w:.3f}") for line in critical for w, b in line})
    points = tuple((p.name, f"{number(p.bias_variance)}", f"{number(p.weight_variance)}") for p in record.points)
    line = thinned((("critical", b, w) for b, w in rows), most=_MOST_ROWS)
    groups = tuple((name, part) for name, part in (("where nets stand", points), ("critical line", line)) if part)
    caption = f"Phase diagram of {record.activation}: the critical line and where nets stand"
    return Table(caption=caption, head=("", "σ_b²", "σ_w²"), groups=groups)
