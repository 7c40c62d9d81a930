"""The tables of a calibration, as they stand on its page and in Markdown: what trained, and who foresaw it."""

from __future__ import annotations

import math
from collections import Counter

from skipline.report.html.table import Rows, Table
from skipline.report.number import MISSING, SPACE, count, number, percent
from skipline.report.records.calibration import Calibration, GridRecord, JudgedRecord
from skipline.signal.verdict import VERDICTS


def trained_tables(calibration: Calibration) -> tuple[Table, ...]:
    """For each set of images: how many of the initialisers train, by kind of net and by depth."""
    return tuple(_trained(calibration, images.source) for images in calibration.images)


def _trained(calibration: Calibration, source: str) -> Table:
    cells = [cell for cell in calibration.cells if cell.images == source]
    depths = sorted({cell.depth for cell in cells})
    kinds = list(dict.fromkeys(cell.kind for cell in cells))
    rows = tuple(
        (kind, *(_share([c for c in cells if (c.kind, c.depth) == (kind, depth)]) for depth in depths))
        for kind in kinds
    )
    return Table(
        caption=f"{source}: initialisers that train, of those tried, by depth",
        head=("net", *(count(depth) for depth in depths)),
        groups=(("", rows),),
    )


def _share(cells: list[GridRecord]) -> str:
    if not cells:
        return MISSING
    return f"{sum(cell.trainability == 'trains' for cell in cells)}{SPACE}of{SPACE}{len(cells)}"


def init_table(calibration: Calibration) -> Table:
    """By initialiser: how many cells train, degrade, fail."""
    inits = list(dict.fromkeys(cell.init for cell in calibration.cells))
    words = {init: Counter(c.trainability for c in calibration.cells if c.init == init) for init in inits}
    rows = tuple((init, *(count(words[init][word]) for word in VERDICTS)) for init in inits)
    total = Counter(cell.trainability for cell in calibration.cells)
    return Table(
        caption=f"All {count(len(calibration.cells))} cells by initialiser",
        head=("initialiser", *VERDICTS),
        groups=(("", rows), ("", (("all", *(count(total[word]) for word in VERDICTS)),))),
    )


def confusion_table(judged: JudgedRecord) -> Table:
    """What was predicted against what came out."""
    rows = tuple((f"predicted: {word}", *map(count, row)) for word, row in zip(VERDICTS, judged.counts, strict=True))
    return Table(
        caption=f"{judged.judge}: {percent(judged.agreement, places=1)} of {count(judged.num_cells)} cells as "
        f"predicted, one word of three; whether it trains or not {percent(judged.agreement_on_training, places=1)}",
        head=("", *(f"{word}" for word in VERDICTS)),
        groups=(("", rows),),
    )


def disagreement_table(judged: JudgedRecord) -> Table:
    """Each cell of which something else was predicted than came out; those worst foreseen first."""
    ordered = sorted(
        judged.disagreements, key=lambda each: -abs(VERDICTS.index(each.predicted) - VERDICTS.index(each.actual))
    )
    rows = tuple((each.cell, each.predicted, each.actual) for each in ordered)
    return Table(
        caption=f"{judged.judge}: the cells of which it was wrong",
        head=("cell", "predicted", "came out"),
        groups=(("", rows),),
        figures=False,
    )


def cell_table(calibration: Calibration) -> Table:
    """Every cell, with the attempt that tells it: the first of the best."""
    groups: dict[str, list[tuple[str, ...]]] = {}
    for cell in calibration.cells:
        best = min(cell.attempts, key=lambda attempt: VERDICTS.index(attempt.trainability))
        end = percent(best.train_error) if math.isfinite(best.train_error) else f"diverged, step {best.num_steps}"
        row = (cell.init, count(cell.depth), f"{best.learning_rate:g}", number(best.start_loss), end, cell.trainability)
        groups.setdefault(f"{cell.images}: {cell.kind}", []).append(row)
    ordered: tuple[tuple[str, Rows], ...] = tuple((name, tuple(rows)) for name, rows in groups.items())
    return Table(
        caption="Every cell: its rate, the loss it starts at, the training error it ends at or the step it diverged at",
        head=("initialiser", "depth", "rate", "start loss", "end", ""),
        groups=ordered,
    )
