"""How much of the system's memory there is for this process, now."""

from __future__ import annotations

import math
from pathlib import Path

_INFORMATION = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")  # version 2, as a container sees its own


def free_system_memory() -> float:
    """Bytes that the system could hand out, and no more than the container's limit leaves; ∞ where neither tells."""
    return min(_available(_INFORMATION), _left_in_group(_GROUP))


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
