"""Where a folder of photos becomes what is trained on: checked, split, read; and the recipe that suits it."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console

from skipline.check import Check, check_folder
from skipline.cli.exits import UsageError
from skipline.cli.given.allowed import HOPELESS
from skipline.cli.given.names import PHOTO_PRESET
from skipline.cli.given.network import network_of
from skipline.cli.given.recipe import OUTSIDE_RECIPE, over_preset, require_preset
from skipline.cli.given.settings import overlaid
from skipline.cli.output.photo_lines import tell_origin, tell_photos, tell_sides, tell_time
from skipline.cli.output.photo_progress import PhotoProgress
from skipline.command import command
from skipline.cores import available_cores
from skipline.data import DataError, Dataset
from skipline.data.photos.cache_place import PhotoCache
from skipline.data.photos.classes import load_classes
from skipline.data.photos.framing import Framing
from skipline.data.photos.photo_dataset import PhotoSettings, photo_dataset, split_folder
from skipline.data.photos.printable import printable
from skipline.data.photos.split import Split, load_split
from skipline.data.photos.split_again import split_again
from skipline.store import is_photo_run
from skipline.train import Recipe, RunFolder, open_run
from skipline.train.codec import decode_record
from skipline.train.photo_defaults import BATCHES, FINE_TUNING_RATE, LAYER_DECAY, PhotoDefaults, photo_defaults
from skipline.train.recipe import check_augment
from skipline.train.trials.batch_size import fitting_batch
from skipline.train.trials.estimate import estimated_seconds
from skipline.zoo import check_image_size

_MOST_SAID = 5  # errors that are told; `skipline check` tells all


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What is let pass in a folder: errors by name, and a share of unusable files."""

    allowed: tuple[str, ...]
    most_unusable: float


def photos_and_recipe(
    settings: Mapping[str, Any], *, tolerance: Tolerance, device: torch.device, cache: PhotoCache | None
) -> tuple[Recipe, Dataset]:
    """The recipe that `settings` mean for the photos of their source, and those photos, checked and read.

    Says on stderr what there is and what was left out. Raises `DataError` where training on it would be wrong, and what
    `recipe_and_data` raises.
    """
    source = settings["source"]
    chosen = cast(PhotoSettings, decode_record(PhotoSettings, "photos", settings.get("photos", {})))
    origin = _origin_of_split(chosen)
    result = _checked(Path(source), tolerance, cache)
    _refuse_wrong(result, source)
    defaults = _defaults(result, chosen, device)
    framing = Framing(defaults.image_size)
    names = result.folder.classes.names
    network = network_of(settings.get("model") or defaults.model, num_classes=len(names), in_channels=3)
    check_image_size(network, framing.side)
    preset = require_preset(settings.get("preset") or PHOTO_PRESET)
    suited: dict[str, Any] = {"batch_size": defaults.batch_size, "optimiser": {"learning_rate": defaults.learning_rate}}
    if settings.get("start_from"):
        suited["optimiser"] = {"learning_rate": defaults.learning_rate * FINE_TUNING_RATE, "layer_decay": LAYER_DECAY}
        suited["head_epochs"] = 1
        suited["first_size"] = 1.0  # what begins learnt was learnt at some size: not tried
    rest = {name: value for name, value in settings.items() if name not in OUTSIDE_RECIPE}
    below = suited if preset == PHOTO_PRESET else {}
    recipe = over_preset(preset, network, result.folder.root.name, {**overlaid(below, rest), "source": source})
    check_augment(recipe.augment, framing.side)
    split = _split(result, chosen, origin, seed=recipe.seed)
    with PhotoProgress(Console(stderr=True)) as progress:
        dataset = photo_dataset(split, names, framing, num_processes=available_cores(), show=progress.show, cache=cache)
    tell_photos(result, dataset, source)
    tell_origin(recipe)
    if preset == PHOTO_PRESET and "batch_size" not in rest:
        optimiser = rest.get("optimiser")
        is_given = isinstance(optimiser, Mapping) and "learning_rate" in optimiser
        recipe = _with_batch(recipe, dataset, device, scales=not is_given)
    tell_sides(recipe, dataset)
    tell_time(estimated_seconds(recipe, dataset, device), device)
    return recipe, dataset


def _origin_of_split(chosen: PhotoSettings) -> RunFolder | None:
    """The run whose split is to be taken over; None where the folder is split anew. Looked for before any photo."""
    if not chosen.split_from:
        return None
    run = open_run(Path(chosen.split_from))
    if not is_photo_run(run.path):
        raise UsageError(f"--split-from {chosen.split_from} is not a run on photos. Name one that is: skipline runs")
    return run


def _split(result: Check, chosen: PhotoSettings, origin: RunFolder | None, *, seed: int) -> Split:
    if origin is None:
        return split_folder(result.folder, result.facts, result.duplicates, seed=seed, settings=chosen)
    wanted, names = load_split(origin.split), load_classes(origin.classes).names
    return split_again(result.folder, result.facts, wanted, names, origin=str(origin.path))


def _with_batch(recipe: Recipe, dataset: Dataset, device: torch.device, *, scales: bool) -> Recipe:
    """`recipe` with the batch that fits the memory, which is said; its rate in proportion where it `scales`."""
    fitting = fitting_batch(recipe, dataset, device, sizes=BATCHES)
    print(fitting.sentence(), file=sys.stderr)
    rate = recipe.optimiser.learning_rate * (fitting.size / fitting.wanted if scales else 1)
    return replace(recipe, batch_size=fitting.size, optimiser=replace(recipe.optimiser, learning_rate=rate))


def _checked(place: Path, tolerance: Tolerance, cache: PhotoCache | None) -> Check:
    with PhotoProgress(Console(stderr=True)) as progress:
        return check_folder(
            place,
            num_processes=available_cores(),
            show=progress.show,
            most_unusable=tolerance.most_unusable,
            allowed=tolerance.allowed,
            cache=cache,
        )


def _refuse_wrong(result: Check, source: str) -> None:
    """Raise `DataError` with what `skipline check` ends with 3 for."""
    errors = [finding for finding in result.findings if finding.severity == "error"]
    if not errors:
        return
    if not result.folder.photos:
        raise DataError(f"{printable(source)}: {errors[0].kind.title} ({errors[0].what}). {errors[0].kind.next}")
    said = [
        f"  {finding.kind.title}: {printable(finding.what)}, e.g. {printable(finding.places[0].files[0])} "
        f"({finding.name}). {finding.kind.next}".rstrip()
        for finding in errors[:_MOST_SAID]
    ]
    more = f"\n  … and {len(errors) - _MOST_SAID} more" if len(errors) > _MOST_SAID else ""
    page = command("check", printable(source), "--html", "check.html")
    names = dict.fromkeys(finding.name for finding in errors if finding.name not in HOPELESS)
    passing = " To train anyway, if this is intended: " + " ".join(f"--allow {name}" for name in names)
    raise DataError(
        f"{printable(source)} has errors that make training unreliable:\n" + "\n".join(said) + more + "\nDetails: "
        f"{page}.{passing if names else ''}"
    )


def _defaults(result: Check, chosen: PhotoSettings, device: torch.device) -> PhotoDefaults:
    folder, usable = result.folder, result.usable
    sides = [min(fact.record.width, fact.record.height) for fact in usable.values()]
    learnt = sum(folder.photos[index].part in ("all", "train") for index in usable)
    num_train = round(learnt * (1 - sum(chosen.shares(folder))))
    return photo_defaults(
        middle_side=statistics.median_low(sides),
        num_train=num_train,
        device=device.type,
        image_size=0 if chosen.image_size == "auto" else chosen.image_size,
    )
