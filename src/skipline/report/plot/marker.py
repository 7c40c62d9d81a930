"""Markers: the shapes of single values, each told from the others without colour, and the swatches of a key."""

from __future__ import annotations

from collections.abc import Sequence

from skipline.report.html.text import escape
from skipline.report.plot.chart import Marker, Stroke


def draw_marker(x: float, y: float, text: str, *, look: str, marker: Marker) -> str:
    """Draw one marker; an empty `text` tells a resting pointer nothing."""
    told = f"<title>{escape(text)}</title>" if text else ""
    match marker:
        case "circle":
            return f'<circle class="dot {look}" cx="{x:.1f}" cy="{y:.1f}" r="3">{told}</circle>'
        case "point":
            return f'<circle class="point {look}" cx="{x:.1f}" cy="{y:.1f}" r="2">{told}</circle>'
        case "square":
            return f'<path class="open {look}" d="M{x - 4:.1f} {y - 4:.1f}h8v8h-8z">{told}</path>'
        case "triangle":
            return f'<path class="open {look}" d="M{x:.1f} {y - 5:.1f}l4.8 8.4h-9.6z">{told}</path>'
        case "diamond":
            return f'<path class="open {look}" d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z">{told}</path>'
        case "cross":
            return f'<path class="cross {look}" d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8">{told}</path>'
        case "here":
            ring = f'<circle class="ring {look}" cx="{x:.1f}" cy="{y:.1f}" r="6"/>'
            return f'<g>{told}{ring}<circle class="point {look}" cx="{x:.1f}" cy="{y:.1f}" r="2.2"/></g>'


def swatch(look: str, *, strokes: Sequence[Stroke] = (), markers: Sequence[Marker] = (), band: bool = False) -> str:
    """Draw what a key shows beside a word: a piece of line, a marker, or both; or of a band or a level its area."""
    return (
        f'<svg class="swatch" viewBox="0 0 28 14" aria-hidden="true">'
        f"{swatch_parts(look, strokes=strokes, markers=markers, band=band)}</svg>"
    )


def swatch_parts(look: str, *, strokes: Sequence[Stroke], markers: Sequence[Marker], band: bool) -> str:
    """What stands in a swatch of 28 by 14."""
    if band:
        return f'<rect class="band {look}" x="2" y="1" width="24" height="12"/>'
    if look.startswith("level-"):
        return f'<rect class="cell {look}" x="2" y="1" width="24" height="12"/>' + _texture(look)
    lines = (f'<path class="line {look} {stroke}" d="M2 7H26"/>' for stroke in strokes)
    dots = (
        draw_marker(x, 7, "", look=look, marker=marker)
        for marker in markers
        for x in ((4, 14, 24) if marker == "point" else (14,))  # one point alone looks like dust
    )
    return "".join((*lines, *dots))


def _texture(look: str) -> str:
    match look:
        case "level-lost":
            return '<path class="texture" d="M2 7l6 -6M4 13l12 -12M12 13l12 -12M20 13l6 -6"/>'
        case "level-none":
            dots = "".join(f"M{x} {y}h.1" for y in (4, 10) for x in (6, 11, 16, 21))
            return f'<path class="texture" d="{dots}"/>'
        case _:
            return ""
