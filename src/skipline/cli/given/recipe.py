"""Where settings become a recipe, and a source the data that it is for."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skipline.cli.exits import UsageError
from skipline.cli.given.names import DEFAULT_PRESET
from skipline.cli.given.network import network_of
from skipline.cli.given.settings import from_assignments, from_environment, from_toml, nested, overlaid
from skipline.data import Dataset, defaults_of, load
from skipline.spec import Network
from skipline.train import PRESETS, Recipe, recipe_from_settings, recipe_to_json
from skipline.train.recipe import check_augment
from skipline.zoo import check_image_size

OUTSIDE_RECIPE = ("model", "photos", "preset", "source", "speed")
"""Settings beside the recipe: those that it is made from, and who chooses how it is computed."""


def read_settings(
    flags: Mapping[str, Any], *, assignments: list[str], config: Path | None
) -> tuple[dict[str, Any], str]:
    """The settings of all layers above the preset, and the text of the TOML file; `None` in `flags` is not given."""
    known = [*OUTSIDE_RECIPE, *(field.name for field in dataclasses.fields(Recipe) if field.name != "network")]
    text, settings = ("", {}) if config is None else from_toml(config)
    settings = overlaid(settings, from_environment(os.environ, known))
    settings = overlaid(settings, from_assignments(assignments))
    return overlaid(settings, nested({name: value for name, value in flags.items() if value is not None})), text


def recipe_and_data(settings: Mapping[str, Any], *, data_dir: Path) -> tuple[Recipe, Dataset]:
    """The recipe that `settings` mean, laid over their preset, and its data.

    Raises `UsageError`, `SpecError`, `RecipeError`, `InitError` or `DataError` in the words of what is wrong.
    """
    source = settings.get("source")
    if not source:
        raise UsageError("no data to train on. Give a data set or a path, e.g. skipline train digits")
    dataset = load(source, data_dir=data_dir)
    model = settings.get("model") or defaults_of(dataset.name).model
    network = network_of(model, num_classes=dataset.num_classes, in_channels=dataset.in_channels)
    check_image_size(network, dataset.image_size)
    preset = require_preset(settings.get("preset") or DEFAULT_PRESET)
    if "photos" in settings:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in settings["photos"])
        raise UsageError(f"{flags} (setting photos) is for folders of photos only, not for {source}. Leave it out.")
    rest = {name: value for name, value in settings.items() if name not in OUTSIDE_RECIPE}
    recipe = over_preset(preset, network, dataset.name, {**rest, "source": source})
    check_augment(recipe.augment, dataset.image_size)
    return recipe, dataset


def require_preset(preset: str) -> str:
    """`preset`; raises `UsageError` where there is none of that name."""
    if preset not in PRESETS:
        raise UsageError(f"--preset is {preset!r}; expected one of {', '.join(PRESETS)}.")
    return preset


def over_preset(preset: str, network: Network, data: str, settings: Mapping[str, Any]) -> Recipe:
    """The recipe of the preset for the data set called `data`, with `settings` laid over it.

    Its source is `data`, unless `settings` name another spelling. Raises `RecipeError` for one that cannot be.
    """
    base = recipe_to_json(PRESETS[preset](network, data))
    for name in ("format", "version", "network"):
        del base[name]
    return recipe_from_settings(overlaid(base, settings), network=network)
