"""A network as a few lines of text: a tree of its rows with shapes, receptive fields and cost."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from itertools import groupby

from skipline.report.network.outline import Outline, Row, Words, count_text, shape_text
from skipline.report.number import SPACE

_TITLES = ("", "output", "field", "parameters", "MACs", "layers")
_GAP = "  "
_LEAST_LAYERS = 24  # columns that the layers keep beside the numbers, or they are below them: guessed
_INDENT = 4  # columns, of layers below the numbers
_NOTES = (
    "field: pixels of the image, a side, that one place sees; /2: stride 2; (+ …): the shortcut, x where it is the "
    "identity. Norms, activations and learned shifts are left out."
)


def network_text(drawn: Outline, *, width: int) -> str:
    """The rows of `drawn` as lines of at most `width` characters if that is possible, and a note on how to read them.

    Cost is that of the whole row: of all its blocks.
    """
    image = ("image", shape_text((drawn.in_channels, drawn.image_size, drawn.image_size)), "1", "", "", "")
    lines = [_TITLES, image]
    for stage, group in groupby(drawn.rows, key=lambda row: row.stage):
        rows = tuple(group)
        if len(rows) == 1:
            lines.append(_cells(f"{stage}{_times(rows[0])}", rows, _layers(rows[0])))
            continue
        lines.append(_cells(stage, rows, ""))
        for row in rows:
            branch = "└" if row is rows[-1] else "├"
            lines.append(_cells(f"{branch} {row.name}{_times(row)}", (row,), _layers(row)))
    return "\n".join((*_table(lines, width), "", *textwrap.wrap(_NOTES, width)))


def _cells(name: str, rows: Sequence[Row], layers: str) -> tuple[str, ...]:
    parameters, macs = sum(row.parameters for row in rows), sum(row.macs for row in rows)
    field = rows[-1].receptive_field
    seen = f"{field:,.0f}" if math.isfinite(field) else "all"
    return name, shape_text(rows[-1].shape), seen, count_text(parameters), count_text(macs), layers


def _times(row: Row) -> str:
    return f" ×{row.num_blocks}" if row.num_blocks > 1 else ""


def _layers(row: Row) -> str:
    words = _weighty((*row.entry, *row.layers))
    if row.kind != "residual":
        return words
    gated = f", gated by {_weighty(row.gate)}" if row.gate else ""
    return f"{words} (+{SPACE}{_weighty(row.shortcut) or 'x'}{gated})"


def _weighty(words: Words) -> str:
    """Without norms and activations; a layer's own spaces do not break."""
    return ", ".join(word.text.replace(" conv", "").replace(" ", SPACE) for word in words if not word.is_around)


def _table(lines: Sequence[tuple[str, ...]], width: int) -> list[str]:
    sizes = [max(len(line[column]) for line in lines) for column in range(len(_TITLES) - 1)]
    room = width - sum(size + len(_GAP) for size in sizes)
    is_below = room < _LEAST_LAYERS
    if is_below:
        room = max(_LEAST_LAYERS, width - _INDENT)
    drawn = []
    for name, shape, *numbers, layers in lines:
        aligned = [number.rjust(size) for number, size in zip(numbers, sizes[2:], strict=True)]
        start = _GAP.join((name.ljust(sizes[0]), shape.ljust(sizes[1]), *aligned))
        words = textwrap.wrap(layers, room)
        first, rest = ("", words) if is_below else ("".join(words[:1]), words[1:])
        indent = " " * (_INDENT if is_below else len(start) + len(_GAP))
        drawn += [f"{start}{_GAP}{first}".rstrip(), *(indent + more for more in rest)]
    return [line.replace(SPACE, " ") for line in drawn]
