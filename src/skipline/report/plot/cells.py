"""The drawing of a field of cells: one path for all cells of a level, the borders of levels, a word on each level."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from skipline.report.html.text import svg_text
from skipline.report.plot.chart import LOST, NO_LEVEL, NUM_LEVELS, Cells

_LINE_HEIGHT = 14  # what a word of 12 needs so as not to touch another


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring cells of one row that have one level: from column `start` up to, not with, `end`."""

    row: int
    start: int
    end: int
    level: int


@dataclass(frozen=True, slots=True)
class _Grid:
    """The cells with their edges in the drawing's units; `ys` run upwards, so they fall."""

    cells: Cells
    xs: tuple[float, ...]
    ys: tuple[float, ...]

    def extent(self, row: int, column: int) -> tuple[int, int]:
        """The first row, and the one after the last, of the level that the cell at `row`, `column` is part of."""
        levels = self.cells.levels
        low = high = row
        while low > 0 and levels[low - 1][column] == levels[row][column]:
            low -= 1
        while high + 1 < len(levels) and levels[high + 1][column] == levels[row][column]:
            high += 1
        return low, high + 1


def level_look(level: int) -> str:
    """The class of chart.css for a level: `level-a` is the palest."""
    return {LOST: "level-lost", NO_LEVEL: "level-none"}.get(level) or f"level-{'abcdefghij'[level]}"


def draw_cells(
    cells: Cells,
    *,
    x: Callable[[float], float],
    y: Callable[[float], float],
    width_of: Callable[[str], float],
    name: str,
) -> Iterator[str]:
    """Draw `cells` where `x` and `y` place values; `width_of` says how wide a word is, `name` starts ids."""
    grid = _Grid(cells, tuple(map(x, cells.columns)), tuple(map(y, cells.rows)))
    runs = tuple(_runs(cells.levels))
    if any(run.level in (LOST, NO_LEVEL) for run in runs):
        yield from _patterns(name)
    for level in range(LOST, NUM_LEVELS):
        path = "".join(
            f"M{grid.xs[run.start]:.1f} {grid.ys[run.row]:.1f}H{grid.xs[run.end]:.1f}V{grid.ys[run.row + 1]:.1f}"
            f"H{grid.xs[run.start]:.1f}Z"
            for run in runs
            if run.level == level
        )
        if path:
            yield f'<path class="cell {level_look(level)}" d="{path}"/>'
        if path and level in (LOST, NO_LEVEL):
            yield f'<path fill="url(#{name}-{level_look(level)})" d="{path}"/>'
    borders = "".join(_borders(grid)) if cells.bordered else ""
    if borders:
        yield f'<path class="border" d="{borders}"/>'
    yield from _words(grid, runs, width_of)


def _patterns(name: str) -> Iterator[str]:
    yield (
        f'<pattern id="{name}-level-lost" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><path class="texture" d="M3 0V6"/></pattern>'
    )
    yield (
        f'<pattern id="{name}-level-none" width="5" height="5" patternUnits="userSpaceOnUse">'
        '<path class="texture" d="M2.5 2.5h.1"/></pattern>'
    )


def _runs(levels: Sequence[Sequence[int]]) -> Iterator[_Run]:
    for row, line in enumerate(levels):
        start = 0
        for end in range(1, len(line) + 1):
            if end == len(line) or line[end] != line[start]:
                yield _Run(row, start, end, line[start])
                start = end


def _borders(grid: _Grid) -> Iterator[str]:
    """Lines between cells of different levels, those in one direction joined."""
    levels = grid.cells.levels
    num_rows, num_columns = len(levels), len(levels[0])
    for row in range(1, num_rows):
        differs = [levels[row][column] != levels[row - 1][column] for column in range(num_columns)]
        for start, end in _stretches(differs):
            yield f"M{grid.xs[start]:.1f} {grid.ys[row]:.1f}H{grid.xs[end]:.1f}"
    for column in range(1, num_columns):
        differs = [levels[row][column] != levels[row][column - 1] for row in range(num_rows)]
        for start, end in _stretches(differs):
            yield f"M{grid.xs[column]:.1f} {grid.ys[start]:.1f}V{grid.ys[end]:.1f}"


def _stretches(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    start = 0
    for end in range(len(flags) + 1):
        if end == len(flags) or not flags[end]:
            if end > start:
                yield start, end
            start = end + 1


def _words(grid: _Grid, runs: Sequence[_Run], width_of: Callable[[str], float]) -> Iterator[str]:
    """Write each level's name once, in the place where it has most room, if that is enough."""
    taken: list[tuple[float, float, float]] = []
    for level, name in enumerate(grid.cells.names):
        if not name:
            continue
        need = width_of(name) + 8
        places = []
        for run in runs:
            if run.level == level and grid.xs[run.end] - grid.xs[run.start] >= need:
                middle = (grid.xs[run.start] + grid.xs[run.end]) / 2
                column = max(c for c in range(run.start, run.end) if grid.xs[c] <= middle)
                low, high = grid.extent(run.row, column)
                height = grid.ys[low] - grid.ys[high]
                room = min(height, 3 * _LINE_HEIGHT) * (grid.xs[run.end] - grid.xs[run.start])
                # Of the rows of one patch the middle one.
                centred = -abs((grid.ys[run.row] + grid.ys[run.row + 1]) / 2 - (grid.ys[low] + grid.ys[high]) / 2)
                if height >= _LINE_HEIGHT:
                    places.append((room, centred, middle, (grid.ys[low] + grid.ys[high]) / 2 + 4))
        for _, _, x, y in sorted(places, reverse=True):
            free = all(
                abs(x - other) >= (need + width) / 2 or abs(y - at) >= _LINE_HEIGHT for other, at, width in taken
            )
            if free:
                taken.append((x, y, need))
                yield f'<text class="word" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{svg_text(name)}</text>'
                break
