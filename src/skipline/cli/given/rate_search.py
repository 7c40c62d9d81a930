"""`skipline train --lr find`: the learning rate by a sweep, shown, and kept in the run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from skipline.cli.exits import GateFailed, UsageError
from skipline.cli.output.study_cells import bar
from skipline.data import Dataset
from skipline.report.plot.picture import write_picture
from skipline.report.rate_sweep import rate_figure
from skipline.report.records.rate_sweep import NAME, read_rate_sweep
from skipline.train import Recipe, RunFolder
from skipline.train.processes.team import Team
from skipline.train.trials.rate_sweep import RateSweep, sweep_rates

FIND = "find"
PICTURE = "learning_rate.svg"
_ROWS = 14  # of the curve as text: half a screen
_WIDTH = 40


def asks_to_find(settings: Mapping[str, Any]) -> bool:
    """Whether the learning rate among `settings` is to be found."""
    optimiser = settings.get("optimiser")
    return isinstance(optimiser, Mapping) and optimiser.get("learning_rate") == FIND


def without_rate(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` but for the learning rate: that of their preset then stands until one is found."""
    rest = {name: value for name, value in settings["optimiser"].items() if name != "learning_rate"}
    return {**settings, "optimiser": rest}


def found_rate(recipe: Recipe, dataset: Dataset, device: torch.device, *, team: Team) -> RateSweep:
    """The sweep for `recipe`, with its progress on stderr. Raises `UsageError` where several processes train."""
    if not team.is_alone:
        raise UsageError(
            "--lr find runs in one process only, and a launcher has started several. First run --lr find --dry-run "
            "without the launcher; then pass the result: --lr RATE."
        )
    columns = (TextColumn("learning-rate range test"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        row = progress.add_task("sweep", total=None)
        return sweep_rates(
            recipe, dataset, device, show=lambda done, num: progress.update(row, completed=done, total=num)
        )


def with_rate(recipe: Recipe, sweep: RateSweep) -> Recipe:
    """`recipe` at the rate that `sweep` suggests. Raises `GateFailed` where it suggests none."""
    if math.isnan(sweep.suggestion):
        raise GateFailed(
            f"no learning rate was found: {sweep.sentence()}. Give one (--lr 0.1) or another --init; to see whether "
            "the net can train at all: skipline diagnose"
        )
    return replace(recipe, optimiser=replace(recipe.optimiser, learning_rate=sweep.suggestion))


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
