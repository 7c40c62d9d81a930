"""The machine that a benchmark runs on: its own limits, its heap as other programs have it, and its clock."""

from __future__ import annotations

import ctypes
import platform
import statistics
import time
from collections.abc import Callable

import torch

from skipline.train.speed.precision import has_bf16


def limits(device: torch.device) -> dict[str, float]:
    """The machine's own limits now: GEMM (GFLOP/s) and copying (GB/s), medians of five.

    GEMM in fp32 and, where the hardware has it, bf16.
    """
    found, side = {}, 8192 if device.type == "cuda" else 1024  # a GPU is not filled by the smaller one
    formats = {"gemm_fp32_gflops": torch.float32}
    formats |= {"gemm_bf16_gflops": torch.bfloat16} if has_bf16(device) else {}
    for name, dtype in formats.items():
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        torch.mm(a, b)  # not timed: libraries are loaded
        seconds = statistics.median(seconds_of(lambda a=a, b=b: a @ b, device) for _ in range(5))
        found[name] = 2 * side**3 / seconds / 1e9
    source = torch.ones(32 * 2**20, device=device)
    target = torch.empty_like(source)
    seconds = statistics.median(seconds_of(lambda: target.copy_(source), device) for _ in range(5))
    found["copy_gb_per_second"] = 2 * source.nbytes / seconds / 1e9
    return found


def glibc_default() -> None:
    """The thresholds that glibc's rule ends with when blocks of 32 MiB and more have been freed (mallopt(3))."""
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(-3, 32 * 2**20)  # M_MMAP_THRESHOLD
        library.mallopt(-1, 64 * 2**20)  # M_TRIM_THRESHOLD


def seconds_of(run: Callable[[], object], device: torch.device) -> float:
    """How long `run` takes, until the device is done."""
    start = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start
