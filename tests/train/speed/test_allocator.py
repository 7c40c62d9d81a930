"""The process keeps the memory that it frees."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from skipline.train.speed.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)  # 64 MiB, freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
handed_back = faults()
assert keep_freed_memory()
for _ in range(4):  # the heap grows in one or a few steps, as its alignment wants
    faults()
print(handed_back, faults())
"""


@pytest.mark.slow  # a process writes gigabytes
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is told")
def test_freed_memory_is_used_again_without_a_page_fault() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120)
    handed_back, kept = map(int, done.stdout.split())
    assert kept < 100, "64 MiB again, with hardly a fault"
    assert handed_back > 10 * max(kept, 1), "before, every call took new pages"
