"""Which way a run computes its steps: as measured on this machine, unless the settings say it themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from skipline.cli.exits import UsageError
from skipline.cli.given.names import SPEEDS
from skipline.cli.output.tuning_table import measured_line
from skipline.data import Dataset
from skipline.train import Recipe, RecipeError
from skipline.train.memory.step_memory import plan_memory_of
from skipline.train.processes.team import Team
from skipline.train.speed.tuned import Measured, remembered, speed_folder
from skipline.train.speed.tuning import Timing, fastest
from skipline.train.speed.ways import SETTINGS, Way, graphed, own_way


def with_speed(
    recipe: Recipe,
    settings: Mapping[str, Any],
    dataset: Dataset,
    *,
    device: torch.device,
    team: Team,
    measure: Callable[[], Measured],
) -> tuple[Recipe, str]:
    """`recipe`, computed the fastest way that is remembered for its net and batch, and a sentence that says so.

    What `settings` name stays as it is. `speed` among them: "auto" takes what is remembered, "measure" calls `measure`
    where nothing is, "default" takes neither. Nothing remembered: what the hardware is known for, a CUDA graph where a
    step fits twice (an epoch's short last batch runs beside it), and "". Several processes: the recipe as it is.
    """
    speed = settings.get("speed", "auto")
    if speed not in SPEEDS:
        raise UsageError(f"speed is {speed!r}; expected one of {', '.join(SPEEDS)}.")
    given = [name for name in SETTINGS if name in settings]
    if not team.is_alone or recipe.shard or len(given) == len(SETTINGS):
        return recipe, ""
    size, own = dataset.image_size, recipe if "step_graph" in given else _graphed(recipe, dataset, device)
    if speed == "default":
        return own, ""
    measured = remembered(speed_folder(), recipe, image_size=size, device=device)
    if measured is None and speed == "measure":
        measured = measure()
    if measured is None:
        return own, ""
    default = own_way(own, device)
    fitting = [timing for timing in measured.timings if _fits(timing, recipe, given, default, dataset, device)]
    chosen = fastest(fitting, default=default)
    if chosen is None:
        return own, ""
    return chosen.way.applied(recipe), measured_line(measured.timings, chosen, default=default)


def _graphed(recipe: Recipe, dataset: Dataset, device: torch.device) -> Recipe:
    graph = graphed(recipe, device)
    if not graph.step_graph:
        return recipe
    try:
        plan = plan_memory_of(graph, graph.network, dataset.train, device=device)
    except RecipeError:  # of a budget that is too small: it is said where the run begins
        return recipe
    return graph if plan.keeping.keeps_all and 2 * plan.peak.total <= plan.budget else recipe


def _fits(
    timing: Timing, recipe: Recipe, given: list[str], default: Way, dataset: Dataset, device: torch.device
) -> bool:
    """Whether a run of `recipe` can be computed this way, and none of the settings that were given changes by it."""
    if any(timing.way.settings[name] != default.settings[name] for name in given):
        return False
    try:
        own = timing.way.applied(recipe)
        if own.kernels != "compiled":
            return True
        return plan_memory_of(own, own.network, dataset.train, device=device).keeping.keeps_all
    except RecipeError:
        return False
