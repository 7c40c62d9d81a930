"""What was measured on this machine, kept in the user's cache: one file for each net, batch and device."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from skipline.cache import user_cache
from skipline.files import dump_json, make_folder, read_number, write_whole
from skipline.spec import to_json
from skipline.train.folder.environment import device_name, processor_name
from skipline.train.recipe import Recipe
from skipline.train.speed.tuning import Timing
from skipline.train.speed.ways import Way

FORMAT, VERSION = "skipline.speed", 1


@dataclass(frozen=True, slots=True)
class Measured:
    """The timings of one net on one machine, and the file that holds them."""

    path: Path
    timings: tuple[Timing, ...]


def speed_folder() -> Path:
    """`skipline/speed` in the user's cache folder."""
    return user_cache() / "speed"


def remembered(folder: Path, recipe: Recipe, *, image_size: int, device: torch.device) -> Measured | None:
    """What was measured in `folder` for such steps on such a machine; None where nothing was, or it cannot be read."""
    path = folder / _file_name(_facts(recipe, image_size, device))
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if (document["format"], document["version"]) != (FORMAT, VERSION):
            return None
        return Measured(path, tuple(_timing(entry) for entry in document["timings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a cache: what is not there is measured again


def remember(
    folder: Path, timings: Sequence[Timing], recipe: Recipe, *, image_size: int, device: torch.device
) -> Measured:
    """Keep `timings` in `folder`; raises `StorageError` where it cannot be written."""
    facts = _facts(recipe, image_size, device)
    path = folder / _file_name(facts)
    entries = [asdict(timing) for timing in timings]
    make_folder(folder)
    write_whole(path, dump_json({"format": FORMAT, "version": VERSION, "facts": facts, "timings": entries}))
    return Measured(path, tuple(timings))


def _timing(entry: dict[str, Any]) -> Timing:
    way = Way(**entry["way"])
    seconds = [read_number(entry[name]) for name in ("step_seconds", "first_seconds")]
    if not all(isinstance(getattr(way, each.name), str | bool) for each in dataclasses.fields(way)):
        raise ValueError(f"{entry['way']!r} is no way")
    return Timing(way, *seconds, remark=str(entry["remark"]))


def _facts(recipe: Recipe, image_size: int, device: torch.device) -> dict[str, Any]:
    """All that the time of a step depends on. Classes and channels of the images hardly change it and are left out."""
    network = recipe.network
    shape = replace(network, name="net", in_channels=3, head=replace(network.head, num_classes=10))
    return {
        "network": hashlib.sha256(dump_json(to_json(shape)).encode()).hexdigest(),
        "image_size": image_size,
        "batch_size": recipe.batch_size,
        "accumulate": recipe.accumulate,
        "device": processor_name() if device.type == "cpu" else device_name(device).partition(" ")[2],
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "skipline": importlib.metadata.version("skipline"),
    }


def _file_name(facts: dict[str, Any]) -> str:
    return f"{hashlib.sha256(dump_json(facts).encode()).hexdigest()[:16]}.json"
