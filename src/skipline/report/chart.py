"""A chart in words: marks over two axes, before anything is drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from skipline.report.axis import Axis

Point = tuple[float, float]
Marker = Literal["circle", "point", "square", "cross"]
Stroke = Literal["solid", "dotted", "dashed", "broad"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line through ``points``, broken where y is not finite; ``label``, if any, stands at its right end."""

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
    """A marker at each of ``points`` whose y is finite; ``names``, one a point, say what a resting pointer is told.

    Squares are open and circles small enough to stand in one, so that two units with equal values are both seen.
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
    """A level line across the plot at ``y``, with its ``label`` above it."""

    y: float
    label: str


Mark = Line | Band | Dots | Rule


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A hatched strip above the plot for what has an x and no y; of the points of ``dots`` only x is read."""

    label: str
    dots: tuple[Dots, ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Marks over two axes, later ones on top.

    ``description`` says in words what a person who cannot see the chart needs to know. ``height`` is the plot's alone,
    in units of which a drawing is ``drawing.WIDTH`` wide. ``lanes`` holds one lane or none.
    """

    title: str
    description: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    lanes: tuple[Lane, ...] = ()
    height: int = 160

    def __post_init__(self) -> None:
        if len(self.lanes) > 1:
            raise ValueError(f"chart {self.title!r}: {len(self.lanes)} lanes; there is room for one")


def _check_look(look: str) -> None:
    """Refuse what cannot be a class of ``files/page.css``: it stands unquoted by meaning in an attribute."""
    if not re.fullmatch(r"[a-z][a-z-]*", look):
        raise ValueError(f"look {look!r}: expected a class of page.css in small letters and hyphens")
