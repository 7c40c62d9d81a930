"""Where settings become a recipe, and a source the data that it is for."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skipline.cli.device import default_data_dir
from skipline.cli.exits import UsageError
from skipline.cli.model import DEFAULT_MODELS, FALLBACK_MODEL, network_of
from skipline.cli.settings import from_assignments, from_environment, from_toml, nested, overlaid
from skipline.data import Dataset, load
from skipline.spec import Network
from skipline.train import PRESETS, Recipe, recipe_from_settings, recipe_to_json
from skipline.zoo import check_image_size

_OUTSIDE_RECIPE = ("model", "preset", "source")
"""Settings that are read before there is a recipe."""


def read_settings(
    flags: Mapping[str, Any], *, assignments: list[str], config: Path | None
) -> tuple[dict[str, Any], str]:
    """The settings of all layers above the preset, and the text of the TOML file; `None` in `flags` is not given."""
    known = [*_OUTSIDE_RECIPE, *(field.name for field in dataclasses.fields(Recipe) if field.name != "network")]
    text, settings = ("", {}) if config is None else from_toml(config)
    settings = overlaid(settings, from_environment(os.environ, known))
    settings = overlaid(settings, from_assignments(assignments))
    kinds = {name: value for name, value in flags.items() if value is not None and "." not in name}
    rest = nested({name: value for name, value in flags.items() if value is not None and "." in name})
    return overlaid(overlaid(settings, kinds), rest), text


def recipe_and_data(settings: Mapping[str, Any], *, data: Path | None) -> tuple[Recipe, Dataset]:
    """The recipe that `settings` mean, laid over their preset, and its data.

    Raises `UsageError`, `SpecError`, `RecipeError`, `InitError` or `DataError` in the words of what is wrong.
    """
    source = settings.get("source")
    if not source:
        raise UsageError(
            "there is nothing to train on. Name a data set or a path: `skipline train digits` needs no files."
        )
    dataset = load(source, data_dir=data or default_data_dir())
    model = settings.get("model") or DEFAULT_MODELS.get(source, FALLBACK_MODEL)
    network = network_of(model, num_classes=dataset.num_classes, in_channels=dataset.in_channels)
    check_image_size(network, dataset.image_size)
    preset = settings.get("preset") or "quick"
    if preset not in PRESETS:
        raise UsageError(f"--preset is {preset!r}; expected one of {', '.join(PRESETS)}.")
    rest = {name: value for name, value in settings.items() if name not in _OUTSIDE_RECIPE}
    return over_preset(preset, network, source, rest), dataset


def over_preset(preset: str, network: Network, source: str, settings: Mapping[str, Any]) -> Recipe:
    """The recipe of the preset with `settings` laid over it; raises `RecipeError` for one that cannot be."""
    base = recipe_to_json(PRESETS[preset](network, source))
    for name in ("format", "version", "network"):
        del base[name]
    return recipe_from_settings(overlaid(base, settings), network=network)
