"""Memory that a pass frees and the next one wants again: kept by the process, instead of handed back to the system.

A pass allocates and frees the same few hundred megabytes each time. glibc returns what lies free at the top of its heap
to the kernel, and maps large blocks afresh; the next pass then pays a page fault for every 4 KiB. There are two
remedies: a process that is the command line's keeps everything; one that is a program's hands back in larger portions.

Measured: for `cifar_resnet20` at batch 128 fewer than half the page faults, and a quicker step, where everything is
kept; passes of `cifar_resnet1202` next to tensors that the program holds are up to twice as quick with larger portions
(docs/results.md).
"""

from __future__ import annotations

import ctypes
import platform
from functools import cache

_M_TRIM_THRESHOLD = -1  # malloc.h
_M_MMAP_THRESHOLD = -3
_NEVER_TRIM = 2**31 - 1  # the largest an int holds
_NEVER_MAP = 2**30  # larger than any tensor of a step that is not bound by something else
_LEARNT_FROM = 2**25 - 2**16  # glibc learns from blocks of up to 32 MiB, their own header and page included


def keep_freed_memory() -> bool:
    """Have this process keep the memory it frees, for itself; whether the system's allocator could be told so.

    For processes that train and are nobody else's: the setting is the process's, and its memory never shrinks.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(_M_MMAP_THRESHOLD, _NEVER_MAP) and library.mallopt(_M_TRIM_THRESHOLD, _NEVER_TRIM))


@cache
def raise_trim_threshold() -> bool:
    """Have this process hand freed memory back from 64 MiB upward, and not a few MiB; whether it has glibc's allocator.

    glibc learns its thresholds from what a program frees: after a mapped block of n bytes, n at most 32 MiB, it takes
    smaller ones from its heap, and hands the free top of the heap back once it exceeds 2n. So one block is taken and
    freed, untouched. Where the thresholds were set, by `keep_freed_memory` or the environment, they stay.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
    library.free.restype, library.free.argtypes = None, (ctypes.c_void_p,)
    library.free(library.malloc(_LEARNT_FROM))
    return True
