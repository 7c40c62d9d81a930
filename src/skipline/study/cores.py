"""The cores of this machine, and how a study shares them out."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from skipline.study.family import SMALL_IMAGE

CORES_A_JOB = 4  # for larger images; guessed: what PyTorch's convolutions of a thin net at batch 128 still make use of
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # control groups, version 2: "quota period" in microseconds, or "max period"


@dataclass(frozen=True, slots=True)
class Share:
    """`jobs` trainings at a time, each in a process with `threads` threads."""

    jobs: int
    threads: int


def available_cores() -> int:
    """How many cores this process may use: those it may run on, less where a container has a quota."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text(encoding="ascii").split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):
        return cores  # no quota: another system, no container, or the word "max"


def share_of(cores: int, *, num_cells: int, image_size: int, on_cpu: bool) -> Share:
    """How to train `num_cells` networks on `cores` cores.

    Small images, such as the digits', make operations too short to be split: a process a core, with one thread. Larger
    ones: a process for every `CORES_A_JOB` cores, so that fewer feature maps are in memory and in the caches at a
    time. On another device than the CPU one process, which has the device to itself.
    """
    if not on_cpu:
        return share_out(cores, jobs=1)
    jobs = cores if image_size < SMALL_IMAGE else cores // CORES_A_JOB
    return share_out(cores, jobs=min(num_cells, jobs))


def share_out(cores: int, *, jobs: int) -> Share:
    """`cores` for `jobs` processes, at least one process with one thread."""
    jobs = max(1, jobs)
    return Share(jobs, threads=max(1, cores // jobs))
