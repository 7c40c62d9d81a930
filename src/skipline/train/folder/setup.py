"""How a run is set up beside its recipe: as `environment.json` records it, and what of that decides its bits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from skipline.store.run_files import ENVIRONMENT
from skipline.train.folder.environment import environment
from skipline.train.folder.run_folder import RunFileError, RunFolder
from skipline.train.recipe import Recipe
from skipline.train.speed.kernels import kernels_for
from skipline.train.speed.precision import Precision, compute_dtype

_DECISIVE = ("skipline", "torch", "device", "dtype", "kernels", "deterministic", "processes")
"""What decides the bits of a run beside its recipe and data, by its name in `environment.json`."""
_DECISIVE_ON_CPU = ("processor", "threads")
"""What decides them too where the CPU computes: which instructions there are, and how a sum is shared out."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How a run was set up, beside its recipe; `device` as torch names it, `data` as `data.place_of` gives it."""

    device: str
    threads: int
    is_deterministic: bool
    precision: Precision
    data: Path


def setup_of(folder: RunFolder) -> Setup:
    """How the run in `folder` was set up when it was begun; raises `RunFileError` where that is not recorded."""
    recorded = folder.read(ENVIRONMENT)
    match recorded:
        case {
            "device": str(device),
            "threads": int(threads),
            "deterministic": bool(is_deterministic),
            "dtype": "float32" | "bfloat16" as dtype,
            "data": str(data),
        }:
            precision: Precision = "fp32" if dtype == "float32" else "bf16"
            return Setup(device.partition(" ")[0], threads, is_deterministic, precision, Path(data))
    raise RunFileError(
        f"{folder.path / ENVIRONMENT} has no device, threads, deterministic, dtype and data of the right kind: "
        "an older skipline wrote it, or it was changed. Train again with `skipline train`."
    )


def run_environment(recipe: Recipe, device: torch.device, *, data: Path, processes: int = 1) -> dict[str, Any]:
    """`environment`, and what only a run has: number format, kernels, processes, seed, and where its data lie."""
    return {
        **environment(device),
        "dtype": str(compute_dtype(recipe.precision, device)).removeprefix("torch."),
        "kernels": kernels_for(recipe, device).label,
        "processes": processes,
        "seed": recipe.seed,
        "data": str(data),
    }


def differences(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """What of `recorded` is otherwise `now`, so that the same run would come to other bits."""
    on_cpu = "cpu" in (recorded.get("device"), now.get("device"))
    names = _DECISIVE + _DECISIVE_ON_CPU * on_cpu
    was, is_now = {"processes": 1, **recorded}, {"processes": 1, **now}  # older runs do not say so
    return {name: was.get(name) for name in names if _model(was.get(name)) != _model(is_now.get(name))}


def _model(value: object) -> object:
    """A CUDA device without its number: two of one model compute the same bits."""
    return re.sub(r"^cuda:\d+ ", "cuda ", value) if isinstance(value, str) else value
