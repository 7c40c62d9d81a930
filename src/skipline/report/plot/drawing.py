"""The SVG drawing of a chart.

Colours and strokes are classes of `files/chart.css`, so that one drawing serves light, dark and print.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from skipline.report.html.text import escape, svg_text
from skipline.report.plot.cells import draw_cells
from skipline.report.plot.chart import Band, Cells, Chart, Dots, Lane, Line, Mark, Point, Post, Rule, Word
from skipline.report.plot.marker import draw_marker

# One unit is about one CSS pixel on a phone of 375 px, where a chart fills the line; there text is 12 px high.
WIDTH = 340
_TEXT = 12
_LINE_HEIGHT = 16
# The advance of a digit, and on average of a bold letter, in DejaVu Sans, the widest common font: a share of its size.
_ADVANCE = 0.66
_GAP = 6
_LANE = 22
_POST_LABEL = 16
_LABEL_GAP = 14  # the least distance between the base lines of two labels that must not touch


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """Where the plot lies in the drawing, and what maps values into it."""

    chart: Chart
    left: float
    right: float
    top: float
    bottom: float
    base: float  # where the line of the x axis is: below the lane, if there is one below

    def x(self, value: float) -> float:
        return self.left + self.chart.x.place(value) * (self.right - self.left)

    def y(self, value: float) -> float:
        return self.bottom - self.chart.y.place(value) * (self.bottom - self.top)


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """The content of an `<svg>` that is `WIDTH` wide and `height` high, and the ids of its title and words."""

    content: str
    height: float
    labels: str


def draw(chart: Chart, *, name: str) -> str:
    """Draw `chart` as one `<svg>` whose ids start with `name`.

    Raises ValueError for a name that is not a plain word, and for a finite value that has no place on its axis.
    """
    drawing = drawing_of(chart, name=name)
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {drawing.height:g}" role="img" '
        f'aria-labelledby="{drawing.labels}">\n{drawing.content}\n</svg>'
    )


def drawing_of(chart: Chart, *, name: str) -> Drawing:
    """What `draw` draws, for whoever writes the `<svg>` around it."""
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise ValueError(f"chart name {name!r}: expected small letters, digits and hyphens, as an id needs")
    frame = _frame(chart)
    parts = [
        f'<title id="{name}-title">{escape(chart.title)}</title>',
        f'<desc id="{name}-desc">{escape(chart.description)}</desc>',
        _text(0, 13, chart.title, look="chart-title"),
        _text(0, 13 + _LINE_HEIGHT, chart.y.title, look="axis-title"),
        *_y_axis(frame),
        *_x_axis(frame),
        *(part for lane in chart.lanes for part in _lane(frame, lane, name=name)),
        *(part for mark in chart.marks if isinstance(mark, Cells) for part in _cells(frame, mark, name=name)),
        *_posts(frame),
        *(part for mark in chart.marks for part in _mark(frame, mark)),
        *_end_labels(frame),
    ]
    height = frame.base + 2 * _LINE_HEIGHT + _GAP
    return Drawing(content="\n".join(parts), height=height, labels=f"{name}-title {name}-desc")


def text_width(text: str) -> float:
    """About how wide `text` is in a chart; rather too much than too little."""
    return len(text) * _TEXT * _ADVANCE


def _frame(chart: Chart) -> _Frame:
    ticks = max((text_width(label) for label in chart.y.labels), default=0.0)
    ends = max((text_width(mark.label) + 2 * _GAP for mark in chart.marks if isinstance(mark, Line)), default=0.0)
    last_tick = max((text_width(label) / 2 for label in chart.x.labels[-1:]), default=0.0)
    above, below = (sum(lane.place == place for lane in chart.lanes) for place in ("above", "below"))
    posts = _POST_LABEL if any(isinstance(mark, Post) for mark in chart.marks) else 0
    top = 13.0 + _LINE_HEIGHT + 14 + above * (_LANE + _GAP) + posts
    bottom = top + chart.height
    return _Frame(
        chart=chart,
        left=ticks + _GAP,
        right=WIDTH - max(ends, last_tick, 2 * _GAP),
        top=top,
        bottom=bottom,
        base=bottom + below * (_LANE + _GAP),
    )


def _text(x: float, y: float, text: str, *, look: str, anchor: str = "start") -> str:
    return f'<text class="{look}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{svg_text(text)}</text>'


def _y_axis(frame: _Frame) -> Iterator[str]:
    for tick, label in zip(frame.chart.y.ticks, frame.chart.y.labels, strict=True):
        y = frame.y(tick)
        yield f'<path class="grid" d="M{frame.left:.1f} {y:.1f}H{frame.right:.1f}"/>'
        yield _text(frame.left - _GAP, y + 4, label, look="tick", anchor="end")


def _x_axis(frame: _Frame) -> Iterator[str]:
    yield f'<path class="base" d="M{frame.left:.1f} {frame.base:.1f}H{frame.right:.1f}"/>'
    free_from = -math.inf
    for tick, label in zip(frame.chart.x.ticks, frame.chart.x.labels, strict=True):
        x, half = frame.x(tick), text_width(label) / 2
        yield f'<path class="base" d="M{x:.1f} {frame.base:.1f}v4"/>'
        if x - half >= free_from:
            yield _text(x, frame.base + _LINE_HEIGHT + 1, label, look="tick", anchor="middle")
            free_from = x + half + _GAP
    y = frame.base + 2 * _LINE_HEIGHT + 1
    yield _text(frame.right, y, frame.chart.x.title, look="axis-title", anchor="end")


def _lane(frame: _Frame, lane: Lane, *, name: str) -> Iterator[str]:
    top = frame.top - _LANE - _GAP if lane.place == "above" else frame.bottom + _GAP
    if lane.place == "above" and any(isinstance(mark, Post) for mark in frame.chart.marks):
        top -= _POST_LABEL
    middle = top + _LANE / 2
    pattern = f"{name}-hatch" if lane.place == "above" else f"{name}-hatch-below"
    yield (
        f'<pattern id="{pattern}" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><path class="hatch" d="M3 0V6"/></pattern>'
    )
    yield (
        f'<rect x="{frame.left:.1f}" y="{top:.1f}" width="{frame.right - frame.left:.1f}" height="{_LANE}" '
        f'fill="url(#{pattern})"/>'
    )
    for line in lane.lines:
        (start, _), (end, _) = line.points[0], line.points[-1]
        path = f"M{frame.x(start):.1f} {middle:.1f}H{frame.x(end):.1f}"
        yield f'<path class="line {line.look} {line.stroke}" d="{path}"/>'
    taken = [frame.x(x) for marks in (*lane.dots, *lane.lines) for x, _ in marks.points]
    for dots in lane.dots:
        for (x, _), text in zip(dots.points, dots.names, strict=True):
            yield draw_marker(frame.x(x), middle, text, look=dots.look, marker=dots.marker)
    # At the left, or at the right where that is free and the left is not.
    reach = text_width(lane.label) + 2 * _GAP
    at_right = min(taken, default=math.inf) < frame.left + reach and max(taken, default=0.0) < frame.right - reach
    x, anchor = (frame.right - 4, "end") if at_right else (frame.left + 4, "start")
    yield _text(x, middle + 4, lane.label, look="lane-label", anchor=anchor)


def _cells(frame: _Frame, cells: Cells, *, name: str) -> Iterator[str]:
    yield from draw_cells(cells, x=frame.x, y=frame.y, width_of=text_width, name=name)


def _posts(frame: _Frame) -> Iterator[str]:
    """Draw upright lines; of labels that would touch the one before, or leave the plot, only the line is drawn."""
    free_from = -math.inf
    for post in (mark for mark in frame.chart.marks if isinstance(mark, Post)):
        x = frame.x(post.x)
        yield f'<path class="post" d="M{x:.1f} {frame.top - 2:.1f}V{frame.bottom:.1f}"/>'
        end = x + text_width(post.label)
        if x >= free_from and end <= WIDTH:
            yield _text(x, frame.top - 5, post.label, look="post-label")
            free_from = end + _GAP


def _mark(frame: _Frame, mark: Mark) -> Iterator[str]:
    match mark:
        case Line():
            yield f'<path class="line {mark.look} {mark.stroke}" d="{_line_path(frame, mark.points)}"/>'
        case Band():
            yield f'<path class="band {mark.look}" d="{_band_path(frame, mark.points)}"/>'
        case Dots():
            for (x, y), text in zip(mark.points, mark.names, strict=True):
                if math.isfinite(y):
                    yield draw_marker(frame.x(x), frame.y(y), text, look=mark.look, marker=mark.marker)
        case Rule():
            yield f'<path class="rule" d="M{frame.left:.1f} {frame.y(mark.y):.1f}H{frame.right:.1f}"/>'
            yield _text(frame.left + 2, frame.y(mark.y) - 4, mark.label, look="rule-label")
        case Word():
            x, y = frame.x(mark.at[0]), frame.y(mark.at[1])
            yield _text(x, y + 4, mark.text, look="word", anchor=mark.anchor)
        case Cells() | Post():
            pass  # drawn before all others, which stand on them


def _runs(points: Iterable[tuple[float, ...]]) -> Iterator[list[tuple[float, ...]]]:
    """Cut `points` wherever one has a coordinate that is not finite, and leave that one out."""
    run: list[tuple[float, ...]] = []
    for point in points:
        if all(map(math.isfinite, point)):
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _line_path(frame: _Frame, points: Iterable[Point]) -> str:
    pieces = []
    for run in _runs(points):
        path = "L".join(f"{frame.x(x):.1f} {frame.y(y):.1f}" for x, y in run)
        pieces.append(f"M{path}" if len(run) > 1 else f"M{path}h0")  # a line of no length has round ends: a dot
    return "".join(pieces)


def _band_path(frame: _Frame, points: Iterable[tuple[float, float, float]]) -> str:
    pieces = []
    for run in _runs(points):
        there = [f"{frame.x(x):.1f} {frame.y(high):.1f}" for x, _, high in run]
        back = [f"{frame.x(x):.1f} {frame.y(low):.1f}" for x, low, _ in reversed(run)]
        pieces.append("M" + "L".join(there + back) + "Z")
    return "".join(pieces)


def _end_labels(frame: _Frame) -> Iterator[str]:
    """Write each line's label right of its last point, moved up or down until none touches another."""
    ends: list[tuple[float, Line]] = []
    for mark in frame.chart.marks:
        if isinstance(mark, Line) and mark.label:
            last = [y for _, y in mark.points if math.isfinite(y)][-1:]
            ends += [(frame.y(y) + 4, mark) for y in last]
    ends.sort(key=lambda end: end[0])
    places = _spread_out([y for y, _ in ends], low=frame.top + 4, high=frame.bottom + 4)
    for y, (_, line) in zip(places, ends, strict=True):
        yield _text(frame.right + 2 * _GAP - 1, y, line.label, look=f"end-label {line.look}")


def _spread_out(places: Sequence[float], *, low: float, high: float) -> list[float]:
    """Move sorted `places` the least that leaves `_LABEL_GAP` between neighbours, from `high` downwards."""
    spread: list[float] = []
    limit = high
    for place in reversed(places):
        spread.append(min(place, limit))
        limit = spread[-1] - _LABEL_GAP
    spread.reverse()
    limit = low
    for index, place in enumerate(spread):
        spread[index] = max(place, limit)
        limit = spread[index] + _LABEL_GAP
    return spread
