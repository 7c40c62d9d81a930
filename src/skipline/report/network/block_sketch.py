"""The two kinds of block, sketched side by side: what a plain block computes and what a residual one does."""

from __future__ import annotations

_WIDTH, _HEIGHT = 150, 190
_MIDDLE = 62


def block_sketches() -> str:
    """Draw the plain and the residual block as two small diagrams with their equations."""
    return (
        '<div class="sketches">\n'
        + _sketch("plain", equation="y = relu(f(x))", skip=False)
        + _sketch("residual", equation="y = relu(x + f(x))", skip=True)
        + "</div>"
    )


def _sketch(unit: str, *, equation: str, skip: bool) -> str:
    described = (
        "The input x goes through f, two layers, and is added to their output by a path around them; relu follows."
        if skip
        else "The input x goes through f, two layers, and then through relu; there is no path around them."
    )
    x = _MIDDLE
    parts = [
        f'<title id="block-{unit}-title">A {unit} block</title>',
        f'<desc id="block-{unit}-desc">{described}</desc>',
        _word(x, 14, "x", look="sketch-symbol"),
        _arrow(x, 20, 42),
        _box(x, 42, "layer"),
        _arrow(x, 66, 82),
        _box(x, 82, "layer"),
        f'<path class="sketch-brace" d="M{x - 38} 43h-5v62h5"/>',
        _word(x - 51, 79, "f", look="sketch-symbol"),
        _arrow(x, 106, 124 if skip else 148),
    ]
    if skip:
        parts += [
            f'<path class="sketch-skip" d="M{x} 30H{x + 56}V132H{x + 9}"/>',
            f'<path class="sketch-head-skip" d="M{x + 9} 132l6 -3.5v7z"/>',
            f'<circle class="sketch-box" cx="{x}" cy="132" r="8"/>',
            f'<path class="sketch-plus" d="M{x - 4} 132h8M{x} 128v8"/>',
            _word(x + 66, 85, "x", look="sketch-symbol sketch-skip-word"),
            _arrow(x, 140, 148),
        ]
    parts += [_box(x, 148, "relu")]
    parts += [_arrow(x, 172, 189)]
    return (
        f'<div class="sketch {unit}">\n<svg class="block" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-labelledby="block-{unit}-title block-{unit}-desc">\n' + "\n".join(parts) + "\n</svg>\n"
        f'<p><b class="{unit}">{unit}</b><br><i>{equation}</i></p>\n</div>\n'
    )


def _word(x: float, y: float, word: str, *, look: str) -> str:
    return f'<text class="{look}" x="{x}" y="{y}" text-anchor="middle">{word}</text>'


def _box(x: float, y: float, word: str) -> str:
    box = f'<rect class="sketch-box" x="{x - 32}" y="{y}" width="64" height="24" rx="4"/>'
    return box + _word(x, y + 16, word, look="sketch-word")


def _arrow(x: float, start: float, end: float) -> str:
    line = f'<path class="sketch-line" d="M{x} {start}V{end - 5}"/>'
    return line + f'<path class="sketch-head" d="M{x} {end}l-3.5 -6h7z"/>'
