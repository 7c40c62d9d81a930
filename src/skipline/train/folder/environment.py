"""What a run ran on: versions, hardware, threads; written beside every result."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from skipline.train.folder.run_folder import RunFileError, RunFolder
from skipline.train.recipe import Recipe
from skipline.train.speed.kernels import kernels_for
from skipline.train.speed.precision import Precision, compute_dtype, has_bf16

_DECISIVE = ("skipline", "torch", "device", "dtype", "kernels", "deterministic", "processes")
"""What decides the bits of a run beside its recipe and data, by its name in `environment.json`."""
_DECISIVE_ON_CPU = ("processor", "threads")
"""What decides them too where the CPU computes: which instructions there are, and how a sum is shared out."""
_SOURCES = (".py", ".c", ".h")


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
    recorded = folder.read("environment.json")
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
        f"{folder.path / 'environment.json'} has no device, threads, deterministic, dtype and data of the right kind: "
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


def environment(device: torch.device) -> dict[str, Any]:
    """Versions, system, processor, device, threads and bfloat16: what `environment.json` and `skipline doctor` show."""
    return {
        "format": "skipline.environment",
        "version": 1,
        "skipline": importlib.metadata.version("skipline"),
        "revision": revision(Path(__file__).parents[2]),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "bf16": has_bf16(device),
    }


def revision(package: Path) -> str:
    """The first 12 hex digits of the SHA-256 over a package's sources: the same for equal code, wherever it lies."""
    digest = hashlib.sha256()
    for path in sorted(path for path in package.rglob("*") if path.suffix in _SOURCES):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def device_name(device: torch.device) -> str:
    """`cpu`, or the CUDA device's index and model."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)


def processor_name() -> str:
    """The processor's model where the system tells it, else its architecture."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
