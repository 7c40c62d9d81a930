"""A sweep of learning rates: shown as a curve of text, and kept in its run."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from skipline.cli.output.study_cells import bar
from skipline.report.plot.picture import write_picture
from skipline.report.rate_sweep import rate_figure
from skipline.report.records.rate_sweep import NAME, read_rate_sweep
from skipline.train import RunFolder
from skipline.train.trials.rate_sweep import RateSweep

PICTURE = "learning_rate.svg"
_ROWS = 14  # of the curve as text: half a screen
_WIDTH = 40


def show_sweep(sweep: RateSweep, console: Console) -> None:
    """The curve in a few lines: rate, smoothed loss, and that as a bar."""
    smoothed, num = sweep.smoothed, len(sweep.rates)
    top = max(smoothed, default=1.0)
    rows = {round(index * (num - 1) / (_ROWS - 1)) for index in range(_ROWS)} if num else set[int]()
    console.print(Text(f"{'rate':>9}  {'loss':>7}", style="dim"))
    for step in sorted(rows | ({sweep.lowest} if num else set())):
        line = Text.assemble(f"{sweep.rates[step]:9.2g}  {smoothed[step]:7.3f}  ", bar(smoothed[step] / top, _WIDTH))
        console.print(line.append("  lowest" if step == sweep.lowest else ""), soft_wrap=True)
    said = sweep.sentence()
    console.print(f"{said[:1].upper()}{said[1:]}.", highlight=False, markup=False, soft_wrap=True)


def keep_sweep(folder: RunFolder, sweep: RateSweep) -> None:
    """Write the sweep into the run: as data, and as a picture that stands alone."""
    folder.write(NAME, sweep.to_json())
    write_picture(rate_figure(read_rate_sweep(folder.path / NAME)), Path(folder.path / PICTURE))
