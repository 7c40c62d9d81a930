"""The cores of this machine, and how a study shares them out."""

from __future__ import annotations

from dataclasses import dataclass

from skipline.study.family import SMALL_IMAGE

MOST_LARGE = 4  # trainings of larger images at a time; guessed: 110 layers at batch 128 keep about 1 GB each


@dataclass(frozen=True, slots=True)
class CoreShare:
    """`jobs` trainings at a time, each in a process with `threads` threads."""

    jobs: int
    threads: int


def share_of(cores: int, *, num_cells: int, image_size: int, on_cpu: bool) -> CoreShare:
    """How to train `num_cells` networks on `cores` cores.

    A process a core, with one thread: threads that share one operation wait for each other, processes do not. Larger
    images than the digits' get at most `MOST_LARGE` processes, for the memory, and then these have more threads. On
    another device than the CPU there is one process, which has the device to itself.
    """
    if not on_cpu:
        return share_out(cores, jobs=1)
    if image_size < SMALL_IMAGE:
        return CoreShare(min(num_cells, cores), threads=1)
    return share_out(cores, jobs=min(num_cells, cores, MOST_LARGE))


def share_out(cores: int, *, jobs: int) -> CoreShare:
    """`cores` for `jobs` processes, at least one process with one thread."""
    jobs = max(1, jobs)
    return CoreShare(jobs, threads=max(1, cores // jobs))
