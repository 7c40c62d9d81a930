"""How much memory there is for this process, now."""

from __future__ import annotations

import math
from pathlib import Path

import torch

_INFORMATION = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")  # version 2, as a container sees its own


def free_memory(device: torch.device) -> float:
    """Bytes that `device` still has for tensors of this process; ∞ where the system does not tell.

    On a CPU what the system could hand out, and no more than the container's limit leaves.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(_available(_INFORMATION), _left_in_group(_GROUP)) if device.type == "cpu" else math.inf


def _available(information: Path) -> float:
    lines = _lines(information)
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else math.inf


def _left_in_group(group: Path) -> float:
    limit, used = _lines(group / "memory.max"), _lines(group / "memory.current")
    if not limit or not used or limit[0] == "max":
        return math.inf
    cached = [line.split()[1] for line in _lines(group / "memory.stat") if line.startswith("inactive_file ")]
    return max(0, int(limit[0]) - int(used[0]) + int(cached[0] if cached else 0))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that no memory was left, on any device.

    PyTorch's allocator on the CPU has no exception of its own: it raises a RuntimeError that names it. NCCL has one for
    everything: it is told by what CUDA said to it.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error) if isinstance(error, RuntimeError) else ""
    return "DefaultCPUAllocator" in said or ("NCCL" in said and "out of memory" in said)
