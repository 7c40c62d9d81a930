"""Memory that a pass frees and the next one wants again: kept by the process, instead of handed back to the system.

A pass allocates and frees the same few hundred megabytes each time. glibc returns what lies free at the top of its heap
to the kernel, and maps large blocks afresh; the next pass then pays a fault for every page of memory. There are two
remedies, each a setting of the whole process: the command line, whose process is its own, keeps everything where it
computes much; a function that somebody's program calls only sees to it that larger portions are handed back.

Measured: fewer than half the page faults in a training step of `cifar_resnet20`, fewer than half the seconds in a long
`skipline predict`, and 1.19 instead of 1.65 times a plain pass for the values of 600 blocks (docs/results.md).
"""

from __future__ import annotations

import ctypes
import os
import platform

_M_TRIM_THRESHOLD = -1  # malloc.h
_M_MMAP_THRESHOLD = -3
_NEVER_TRIM = 2**31 - 1  # the largest an int holds
_NEVER_MAP = 2**30  # larger than any tensor of a step that is not bound by something else
_MAP_FROM, _TRIM_FROM = 2**25, 2**26  # where glibc's own rule ends, once blocks of 32 MiB have been freed: mallopt(3)

_is_set: bool | None = None  # whether the thresholds are set; None: nobody has tried


def keep_freed_memory() -> bool:
    """Have this process keep the memory it frees, for itself; whether the system's allocator could be told so.

    For processes that compute and are nobody else's: the setting is the process's, and its memory never shrinks.
    """
    return _set_thresholds(_NEVER_MAP, _NEVER_TRIM)


def raise_trim_threshold() -> bool:
    """Have this process hand freed memory back from 64 MiB upward; whether the system's allocator has been told so.

    glibc learns its thresholds from what a program frees, at first a few MiB; these are where its rule ends. It is the
    process's setting, and stays. Where the thresholds were set before, here, by `keep_freed_memory` or by the
    environment (`MALLOC_TRIM_THRESHOLD_`, `MALLOC_MMAP_THRESHOLD_`, `GLIBC_TUNABLES`), they are left alone.
    """
    if _is_set is None and not _environment_says():
        return _set_thresholds(_MAP_FROM, _TRIM_FROM)
    return bool(_is_set)


def _environment_says() -> bool:
    names = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
    return any(name in os.environ for name in names) or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", "")


def _set_thresholds(map_from: int, trim_from: int) -> bool:
    global _is_set
    _is_set = False
    if platform.libc_ver()[0] != "glibc":
        return _is_set
    mallopt = ctypes.CDLL(None).mallopt
    # Older versions of glibc refuse to take blocks above 32 MiB from the heap.
    is_mapped_late = mallopt(_M_MMAP_THRESHOLD, map_from) or mallopt(_M_MMAP_THRESHOLD, _MAP_FROM)
    _is_set = bool(mallopt(_M_TRIM_THRESHOLD, trim_from) and is_mapped_late)
    return _is_set
