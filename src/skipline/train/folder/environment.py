"""What a program runs on: versions, hardware, threads; written beside every result."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import torch

from skipline.train.speed.precision import has_bf16

_SOURCES = (".py", ".c", ".h")


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
