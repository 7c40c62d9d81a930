"""A chart in words: marks over two axes, before anything is drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from skipline.report.plot.axis import Axis

Point = tuple[float, float]
Marker = Literal["circle", "point", "square", "triangle", "diamond", "cross", "here"]
Stroke = Literal["solid", "dotted", "dashed", "chained", "broad", "thin"]
Anchor = Literal["start", "middle", "end"]
# Steps of lightness that a reader can tell apart without colour, each from its neighbour: looked at, in grey.
NUM_LEVELS = 7


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line through `points`, broken where y is not finite; `label`, if any, stands at its right end."""

    points: tuple[Point, ...]
    look: str
    stroke: Stroke = "solid"
    label: str = ""

    def __post_init__(self) -> None:
        _check_look(self.look)


@dataclass(frozen=True, kw_only=True)
class Band:
    """The area between a low and a high value at each x, given as (x, low, high); broken where they are not finite."""

    points: tuple[tuple[float, float, float], ...]
    look: str

    def __post_init__(self) -> None:
        _check_look(self.look)


@dataclass(frozen=True, kw_only=True)
class Dots:
    """A marker at each of `points` whose y is finite; `names`, one a point, say what a resting pointer is told.

    Squares, triangles and diamonds are open and circles small enough to stand in one, so that two units with equal
    values are both seen. `here` is the one place of a chart that the reader looks for.
    """

    points: tuple[Point, ...]
    names: tuple[str, ...]
    look: str
    marker: Marker = "circle"

    def __post_init__(self) -> None:
        _check_look(self.look)
        if len(self.names) != len(self.points):
            raise ValueError(f"dots: {len(self.points)} points but {len(self.names)} names; each point has one")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A level line across the plot at `y`, with its `label` above it."""

    y: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Post:
    """An upright line through the plot at `x`, with its `label` above the plot where there is room for it."""

    x: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Word:
    """A text beside or on the place `at`."""

    at: Point
    text: str
    anchor: Anchor = "middle"


@dataclass(frozen=True, kw_only=True)
class Cells:
    """A field of rectangles: row r lies between `rows[r]` and `rows[r + 1]`, column c likewise.

    `levels[r][c]` is 0, the palest, to `NUM_LEVELS` − 1, the strongest; `NO_LEVEL` for a value that is too small
    for any (drawn empty, with dots) and `LOST` for one that is not finite (drawn hatched). `names` has a word for
    each level, or none (""), written where the field has room for it. `bordered`: with a fine line between levels.
    """

    columns: tuple[float, ...]
    rows: tuple[float, ...]
    levels: tuple[tuple[int, ...], ...]
    names: tuple[str, ...] = ()
    bordered: bool = True

    def __post_init__(self) -> None:
        found = (len(self.levels), *{len(row) for row in self.levels})
        expected = (len(self.rows) - 1, len(self.columns) - 1)
        if found != expected:
            raise ValueError(f"cells: rows and columns number {found}, their edges leave room for {expected}")
        for level in (level for row in self.levels for level in row):
            if not LOST <= level < NUM_LEVELS:
                raise ValueError(f"cells: level {level}; expected {LOST} (not finite) to {NUM_LEVELS - 1}")


NO_LEVEL, LOST = -1, -2

Mark = Line | Band | Dots | Rule | Post | Word | Cells


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A hatched strip above or below the plot for what has an x and no y.

    Of `dots` only x is read; each of `lines` runs from its first to its last x.
    """

    label: str
    dots: tuple[Dots, ...]
    lines: tuple[Line, ...] = ()
    place: Literal["above", "below"] = "above"


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Marks over two axes, later ones on top.

    `description` says in words what a person who cannot see the chart needs to know. `height` is the plot's alone,
    in units of which a drawing is `drawing.WIDTH` wide. There is room for one lane above the plot and one below.
    """

    title: str
    description: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    lanes: tuple[Lane, ...] = ()
    height: int = 160

    def __post_init__(self) -> None:
        for place in ("above", "below"):
            num = sum(lane.place == place for lane in self.lanes)
            if num > 1:
                raise ValueError(f"chart {self.title!r}: {num} lanes {place} the plot; there is room for one")


def _check_look(look: str) -> None:
    """Refuse what cannot be a class of `files/chart.css`: it stands unquoted by meaning in an attribute."""
    if not re.fullmatch(r"[a-z][a-z-]*", look):
        raise ValueError(f"look {look!r}: expected a class of chart.css in small letters and hyphens")
