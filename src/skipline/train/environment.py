"""What a run ran on: versions, hardware, threads; written beside every result."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import torch

from skipline.train.precision import has_bf16


def environment(device: torch.device) -> dict[str, Any]:
    """Versions, system, processor, device, threads and bfloat16 support, as `environment.json` and `doctor` show them."""
    return {
        "format": "skipline.environment",
        "version": 1,
        "skipline": importlib.metadata.version("skipline"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "bf16": has_bf16(device),
    }


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
