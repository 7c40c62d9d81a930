"""A figure, or one chart, as a picture in a file of its own: SVG, or PNG by the extra `png`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from skipline.extras import ExtraMissing, install_command
from skipline.files import write_whole
from skipline.report.error import ReportError
from skipline.report.html.page import Key
from skipline.report.html.style import plain_style
from skipline.report.html.text import escape, svg_text
from skipline.report.plot.drawing import WIDTH, drawing_of, text_width
from skipline.report.plot.figure import Figure
from skipline.report.plot.marker import swatch_parts

_MARGIN = 20
_GAP = 32  # between charts
_KEY_HEIGHT = 22
_SWATCH = 28
# Pixels to a unit: 2 is sharp on a screen of twice the usual density, and on paper at 200 dots an inch.
SCALE = 2.0

_NO_RESVG = f"a PNG is drawn by the package resvg-py, which is not installed: {install_command('png')}, or write SVG"
_NO_FONT = (
    "a PNG needs a font for its letters, and resvg found none on this machine. Install one (on Debian and Ubuntu: "
    "apt-get install fonts-dejavu-core), or write SVG"
)


def write_picture(figure: Figure, path: Path) -> None:
    """Write `figure` to `path`, whose suffix says how: `.svg` or `.png`; the file is whole or absent.

    Raises ReportError for another suffix, ExtraMissing where a PNG cannot be drawn, StorageError where it cannot be
    written.
    """
    match path.suffix.lower():
        case ".svg":
            write_whole(path, svg_picture(figure))
        case ".png":
            write_whole(path, png_picture(figure))
        case suffix:
            raise ReportError(f"{path}: a picture's name ends in .svg or .png, not in {suffix!r}")


def svg_picture(figure: Figure) -> str:
    """`figure` as an SVG document: in light colours on white, its style in itself, its key above the charts.

    It loads nothing and needs no variables, so that programs other than browsers show it too.
    """
    columns = 1 if len(figure.panels) == 1 else 2
    width = 2 * _MARGIN + columns * WIDTH + (columns - 1) * _GAP
    keys, y = _keys(figure.keys, top=_MARGIN, width=width - 2 * _MARGIN)
    parts = [*keys]
    drawings = [
        drawing_of(panel.chart, name=f"{figure.name}-{index}") for index, panel in enumerate(figure.panels, start=1)
    ]
    for start in range(0, len(drawings), columns):
        row = drawings[start : start + columns]
        for column, drawing in enumerate(row):
            x = _MARGIN + column * (WIDTH + _GAP)
            parts.append(f'<g transform="translate({x:g} {y:g})" role="img" aria-labelledby="{drawing.labels}">')
            parts += [drawing.content, "</g>"]
        y += max(drawing.height for drawing in row) + _GAP
    height = y - _GAP + _MARGIN
    content = "\n".join(parts)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
            f'viewBox="0 0 {width:g} {height:g}" role="img" aria-labelledby="{figure.name}-label">',
            f'<title id="{figure.name}-label">{escape(f"{figure.label} {figure.caption}")}</title>',
            f"<style>\n{escape_style(plain_style(content))}\n</style>",
            f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>',
            content,
            "</svg>",
            "",
        )
    )


def require_png() -> None:
    """Raise ExtraMissing where no PNG can be drawn: without resvg-py, or without a font."""
    _svg_to_bytes()


def png_picture(figure: Figure) -> bytes:
    """`figure` as a PNG of `SCALE` pixels to a unit; raises ExtraMissing as `require_png` does."""
    return bytes(_svg_to_bytes()(svg_string=svg_picture(figure), zoom=SCALE))


def _svg_to_bytes() -> Callable[..., Any]:
    try:
        from resvg_py import svg_to_bytes  # pyright: ignore[reportMissingImports]  an extra
    except ImportError as error:
        raise ExtraMissing(_NO_RESVG) from error
    # It draws what it has no font for as nothing, and does not say so.
    if svg_to_bytes(svg_string=_probe("M")) == svg_to_bytes(svg_string=_probe("")):
        raise ExtraMissing(_NO_FONT)
    return svg_to_bytes


def _probe(text: str) -> str:
    style = plain_style("")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><style>{escape_style(style)}</style>'
        f'<text x="2" y="16">{text}</text></svg>'
    )


def escape_style(style: str) -> str:
    """Write `style` as the content of `<style>` in XML, where `<` and `&` begin something."""
    return style.replace("&", "&amp;").replace("<", "&lt;")


def _keys(keys: Sequence[Key], *, top: float, width: float) -> tuple[list[str], float]:
    """The entries of a key in lines no wider than `width`, and where what follows may begin."""
    parts, x, y = [], 0.0, top
    for key in keys:
        need = _SWATCH + 8 + text_width(key.label)
        if x > 0 and x + need > width:
            x, y = 0.0, y + _KEY_HEIGHT
        parts += _entry(key, x=_MARGIN + x, y=y)
        x += need + 16
    return parts, y + _KEY_HEIGHT + 14 if keys else top


def _entry(key: Key, *, x: float, y: float) -> Iterator[str]:
    drawn = swatch_parts(key.look, strokes=key.strokes, markers=key.markers, band=key.band)
    yield f'<g transform="translate({x:.1f} {y:.1f})">{drawn}'
    # The size of a chart's words; the key of a page is larger, as the page's words are.
    yield f'<text x="{_SWATCH + 8}" y="11">{svg_text(key.label)}</text></g>'
