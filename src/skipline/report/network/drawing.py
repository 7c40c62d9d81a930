"""The drawing of a network as an SVG file that stands alone, in light and dark: one row for equal blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from skipline.report.html.page import stylesheet
from skipline.report.html.text import escape
from skipline.report.network.outline import Outline, Row, Words, count_text, shape_text
from skipline.report.number import count, counted

_ADVANCE = 6.8  # of a letter at 12 px in DejaVu Sans, the widest common font, on average
_TITLE = 17 / 12 * 1.125  # of the title's letters, which are 17 px high and bold, beside the others
_MARGIN = 24
_TOP = 96  # where the columns' heads stand
_BOX = 24  # height of a layer
_GAP = 14  # between layers, where an arrow goes
_SPLIT = 8  # below the place where a shortcut leaves
_PLUS = 8  # radius of an addition
_BAND = 38  # height of a stage's first line
_NAME = 104  # width of the names at the left
_LANE = 26  # from the boxes to those beside them
_COLUMN = 112  # of figures
_BAR = 84
_HEADS = ("output", "receptive field", "parameters", "multiply-adds")


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the columns stand: the middle of the layers, of the shortcuts and of the gates, and the first figures."""

    box: float
    side: float
    middle: float
    skip: float
    gate: float
    figures: float
    width: float


@dataclass(slots=True)
class _Pen:
    """What has been drawn, from top to bottom, and how far down it reaches."""

    drawn: Outline
    layout: _Layout
    y: float
    parts: list[str]

    def arrow(self) -> None:
        """An arrow down the middle to the next layer."""
        x, self.y = self.layout.middle, self.y + _GAP
        self.parts.append(_down(x, self.y - _GAP, self.y))

    def line(self, length: float) -> None:
        """A line down the middle."""
        self.parts.append(f'<path class="line" d="M{self.layout.middle:g} {self.y:g}v{length:g}"/>')
        self.y += length

    def box(self, words: Words) -> None:
        """A layer in the middle."""
        self.parts.append(_box(self.layout.middle, self.y, self.layout.box, _said(words), look="box"))
        self.y += _BOX


def draw_network(drawn: Outline) -> str:
    """Draw `drawn` as one SVG document: boxes for layers, shortcuts beside them, figures at the right.

    It loads nothing and follows the reader's choice of light or dark. A bar is a row's share of the whole.
    """
    layout = _layout(drawn)
    pen = _Pen(drawn, layout, _TOP + 6, [])
    shape = shape_text((drawn.in_channels, drawn.image_size, drawn.image_size))
    pen.parts.append(_text(layout.middle, _TOP, f"image {shape}", anchor="middle"))
    for stage, rows in groupby(drawn.rows, key=lambda row: row.stage):
        _stage(pen, stage, tuple(rows))
    pen.arrow()
    pen.y += 16
    pen.parts.append(_text(layout.middle, pen.y, f"{count(drawn.rows[-1].shape[0])} logits", anchor="middle"))
    facts = _facts(drawn)
    width, height = f"{layout.width:g}", f"{pen.y + _MARGIN:g}"
    heads = [_text(layout.figures + n * _COLUMN, _TOP, head, look="column") for n, head in enumerate(_HEADS)]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" aria-labelledby="title desc">',
            f'<title id="title">{escape(drawn.name)}</title>',
            f'<desc id="desc">{escape(facts)}</desc>',
            f"<style>\n{escape(stylesheet('colours') + stylesheet('network'))}</style>",  # XML: no bare & or <
            f'<rect class="page" width="{width}" height="{height}"/>',
            _text(_MARGIN, 36, drawn.name, look="title"),
            _text(_MARGIN, 58, facts, look="facts"),
            *heads,
            *pen.parts,
            "</svg>\n",
        )
    )


def _layout(drawn: Outline) -> _Layout:
    main = [_said(box) for row in drawn.rows for part in (row.entry, row.layers, row.out) for box in _boxes(part)]
    beside = [_said(box) for row in drawn.rows for part in (row.shortcut, row.gate) for box in _boxes(part)]
    box, side = max(map(_width, main)), max(map(_width, beside), default=0.0)
    middle = _MARGIN + _NAME + box / 2
    skip = middle + box / 2 + _LANE + side / 2
    gate = skip + _LANE + side
    end = gate if any(row.gate for row in drawn.rows) else skip
    figures = end + side / 2 + _LANE
    heading = math.ceil(max(len(drawn.name) * _TITLE, len(_facts(drawn))) * _ADVANCE)
    width = max(figures + 4 * _COLUMN, heading + 2 * _MARGIN)
    return _Layout(box, side, middle, skip, gate, figures, width)


def _facts(drawn: Outline) -> str:
    return (
        f"{count(drawn.depth)} weighted layers, {count(drawn.parameters)} parameters, "
        f"{count_text(drawn.macs)} multiply-adds an image of {drawn.image_size}×{drawn.image_size}"
    )


def _stage(pen: _Pen, stage: str, rows: Sequence[Row]) -> None:
    """A stage, or stem or head, from the arrow that comes into it to the end of its last row."""
    start, at = pen.y, len(pen.parts)
    num_blocks = sum(row.num_blocks for row in rows)
    if num_blocks:
        pen.line(_BAND - _GAP / 2)
        pen.parts.append(_text(_MARGIN, start + 30, stage, look="stage"))
    for row in rows:
        _row(pen, row)
    if not num_blocks:
        pen.parts.append(_text(_MARGIN, (start + pen.y) / 2 + 11, stage, look="stage"))
        return
    width, height = f"{pen.layout.width:g}", f"{pen.y + _GAP - start - 12:g}"
    pen.parts.insert(at, f'<rect class="band" y="{start + 10:g}" width="{width}" height="{height}"/>')
    pen.line(_GAP)
    if len(rows) > 1:
        totals = (counted(num_blocks, "block", "blocks"), "", *map(count_text, _sums(rows)))
        for column, total in enumerate(totals):
            pen.parts.append(_text(pen.layout.figures + column * _COLUMN, start + 30, total, look="muted"))


def _row(pen: _Pen, row: Row) -> None:
    """The stem, the head, or a block and how many times it stands there."""
    start = pen.y
    for box in _boxes(row.entry):
        pen.arrow()
        pen.box(box)
    split = pen.y + _SPLIT
    if row.kind == "residual":
        pen.line(_SPLIT)
    for box in _boxes(row.layers):
        pen.arrow()
        pen.box(box)
    if row.kind == "residual":
        pen.arrow()
        _addition(pen, row, split)
    for box in _boxes(row.out):
        pen.arrow()
        pen.box(box)
    if row.num_blocks:
        _names(pen, row, start + _GAP / 2)
    _figures(pen, row, (start + pen.y) / 2 + _GAP / 2)


def _addition(pen: _Pen, row: Row, split: float) -> None:
    """The addition and what comes to it from the side."""
    layout, x = pen.layout, pen.layout.middle
    y = pen.y + _PLUS
    boxes = _boxes(row.shortcut)
    lane = layout.skip if boxes else layout.middle + layout.box / 2 + _LANE
    pen.parts.append(f'<path class="skip" d="M{x:g} {split:g}H{lane:g}V{y:g}H{x + _PLUS + 6:g}"/>')
    pen.parts.append(f'<path class="skip-head" d="M{x + _PLUS:g} {y:g}l7 -4v8z"/>')
    if row.gate:
        above = y - _PLUS - 5
        path = f"M{x:g} {split:g}H{layout.gate:g}V{above:g}H{x + _PLUS + 8:g}L{x + _PLUS:g} {y - 5:g}"
        pen.parts.append(f'<path class="gate" d="{path}"/>')
        pen.parts += _beside(layout.gate, split, above, layout.side, _boxes(row.gate), look="gate-box")
    pen.parts += _beside(lane, split, y, layout.side, boxes, look="skip-box")
    pen.parts.append(f'<circle class="box" cx="{x:g}" cy="{y:g}" r="{_PLUS}"/>')
    pen.parts.append(f'<path class="line" d="M{x - 4:g} {y:g}h8M{x:g} {y - 4:g}v8"/>')
    pen.y += 2 * _PLUS


def _beside(x: float, top: float, bottom: float, width: float, boxes: Sequence[Words], *, look: str) -> list[str]:
    """Boxes one under another around the middle between `top` and `bottom`."""
    height = len(boxes) * _BOX + max(0, len(boxes) - 1) * 6
    first = (top + bottom - height) / 2
    return [_box(x, first + n * (_BOX + 6), width, _said(box), look=look) for n, box in enumerate(boxes)]


def _names(pen: _Pen, row: Row, start: float) -> None:
    """The blocks of a row, and a brace that says how many there are."""
    middle = (start + pen.y + _GAP / 2) / 2 + 4
    if row.num_blocks == 1:
        pen.parts.append(_text(_MARGIN, middle, row.name))
        return
    x = _MARGIN + _NAME - 16
    pen.parts.append(_text(_MARGIN, middle - 8, row.name))
    pen.parts.append(_text(_MARGIN, middle + 9, f"×{row.num_blocks}", look="times"))
    pen.parts.append(f'<path class="repeat" d="M{x + 5:g} {start + 6:g}h-5V{pen.y:g}h5"/>')


def _figures(pen: _Pen, row: Row, y: float) -> None:
    """Shape, receptive field and cost of a row."""
    x = pen.layout.figures
    pen.parts.append(_text(x, y + 4, shape_text(row.shape)))
    pen.parts += _field(x + _COLUMN, y, row.receptive_field, pen.drawn.image_size)
    for column, value, whole in ((2, row.parameters, pen.drawn.parameters), (3, row.macs, pen.drawn.macs)):
        left = x + column * _COLUMN
        pen.parts.append(_text(left, y, count_text(value)))
        pen.parts.append(f'<rect class="track" x="{left:g}" y="{y + 6:g}" width="{_BAR}" height="5" rx="1"/>')
        pen.parts.append(
            f'<rect class="bar" x="{left:g}" y="{y + 6:g}" width="{_BAR * value / whole:.2f}" height="5" rx="1"/>'
        )


def _field(x: float, y: float, size: float, image_size: int) -> list[str]:
    """The image as a square, and in it what one place sees."""
    side = 24 * min(1.0, size / image_size)
    middle, said = x + 12, count(round(size)) if math.isfinite(size) else "all"
    return [
        f'<rect class="image" x="{x:g}" y="{y - 12:g}" width="24" height="24"/>',
        f'<rect class="field" x="{middle - side / 2:.2f}" y="{y - side / 2:.2f}" width="{side:.2f}" '
        f'height="{side:.2f}"/>',
        _text(x + 32, y + 4, said),
    ]


def _boxes(words: Words) -> list[Words]:
    """A box for each layer, with the norms and activations behind it, or in pre-activation those before it."""
    leads = bool(words) and words[0].is_around
    boxes: list[Words] = []
    for word in words:
        opens = not boxes or (not boxes[-1][-1].is_around if leads else not word.is_around)
        boxes = [*boxes, (word,)] if opens else [*boxes[:-1], (*boxes[-1], word)]
    return boxes


def _said(words: Words) -> str:
    return ", ".join(word.text for word in words)


def _width(text: str) -> float:
    return math.ceil(len(text) * _ADVANCE) + 16


def _sums(rows: Sequence[Row]) -> tuple[int, int]:
    return sum(row.parameters for row in rows), sum(row.macs for row in rows)


def _box(x: float, y: float, width: float, text: str, *, look: str) -> str:
    box = f'<rect class="{look}" x="{x - width / 2:g}" y="{y:g}" width="{width:g}" height="{_BOX}" rx="4"/>'
    return box + _text(x, y + 16, text, anchor="middle")


def _text(x: float, y: float, text: str, *, look: str = "", anchor: str = "start") -> str:
    named = f' class="{look}"' if look else ""
    return f'<text{named} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def _down(x: float, start: float, end: float) -> str:
    return f'<path class="line" d="M{x:g} {start:g}V{end - 5:g}"/><path class="head" d="M{x:g} {end:g}l-3.5 -6h7z"/>'
