"""`skipline train --lr find`: the learning rate by a sweep."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from skipline.cli.exits import GateFailed, UsageError
from skipline.data import Dataset
from skipline.train import Recipe
from skipline.train.processes.team import Team
from skipline.train.trials.rate_sweep import RateSweep, sweep_rates


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
