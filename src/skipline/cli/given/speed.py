"""Which way a run computes its steps: as measured on this machine, unless the settings say it themselves."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch

from skipline.cli.exits import UsageError
from skipline.cli.given.names import SPEEDS
from skipline.cli.output.tuning_table import measured_line, show_timing
from skipline.data import Dataset
from skipline.train import Recipe, RecipeError
from skipline.train.memory.step_memory import plan_memory_of
from skipline.train.processes.team import Team
from skipline.train.speed.tuned import Measured, remember, remembered, speed_folder
from skipline.train.speed.tuning import Timing, fastest, noise, time_ways
from skipline.train.speed.ways import SETTINGS, WAYS, Way, graphed, own_way

BUSY = 1.0  # guessed: before it measures, more than one other program runs or waits to
ROUNDS = 5  # guessed: medians of so few tell ways apart that differ by more than a few per cent


def with_speed(
    recipe: Recipe, settings: Mapping[str, Any], dataset: Dataset, *, device: torch.device, team: Team
) -> tuple[Recipe, str]:
    """`recipe`, computed the fastest way that is remembered for its net and batch, and a sentence that says so.

    What `settings` name stays as it is. `speed` among them: "auto" takes what is remembered, "measure" measures where
    nothing is, "default" takes neither. Nothing remembered: what the hardware is known for, a CUDA graph where a step
    fits twice (an epoch's short last batch runs beside it), and "". Several processes: the recipe as it is.
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
        measured = measure(recipe, image_size=size, device=device, rounds=ROUNDS, seconds=math.inf, ways=WAYS)
    if measured is None:
        return own, ""
    default = own_way(own, device)
    fitting = [timing for timing in measured.timings if _fits(timing, recipe, given, default, dataset, device)]
    chosen = fastest(fitting, default=default)
    if chosen is None:
        return own, ""
    return chosen.way.applied(recipe), measured_line(measured.timings, chosen, default=default)


def measure(
    recipe: Recipe, *, image_size: int, device: torch.device, rounds: int, seconds: float, ways: tuple[Way, ...]
) -> Measured:
    """Time `ways` on images of noise, each shown on stderr as it is done, and keep what came out.

    After `seconds` no further way is begun, once one runs, and no further round.
    """
    _warn_if_busy()
    network = recipe.network
    data = noise(
        num_images=2 * recipe.batch_size,
        image_size=image_size,
        in_channels=network.in_channels,
        num_classes=network.head.num_classes,
    )
    bare = replace(recipe, start_from="", head_epochs=0, deepen=())
    timings = time_ways(bare, data, device, ways=ways, rounds=rounds, seconds=seconds, show=show_timing)
    if all(not timing.runs for timing in timings):
        raise UsageError(f"no way to compute a step of {network.name} runs here: {timings[0].remark}")
    return remember(speed_folder(), timings, recipe, image_size=image_size, device=device)


def tell(sentence: str, team: Team) -> None:
    """Say `sentence` on stderr, if there is one and this process speaks."""
    if sentence and team.leads:
        print(sentence, file=sys.stderr)


def _warn_if_busy() -> None:
    with suppress(AttributeError, OSError):  # systems that do not tell
        load = os.getloadavg()[0]
        if load > BUSY:
            print(
                f"other programs keep this machine busy (load {load:.1f}): measure again when it is quiet, for who is "
                "the fastest now need not be so then.",
                file=sys.stderr,
            )


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
