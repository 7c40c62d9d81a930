"""The process keeps the memory that it frees, or hands it back in larger portions."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from skipline import allocator
from skipline.allocator import keep_freed_memory, raise_trim_threshold

_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
runs_with_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is told")
sees_pages = pytest.mark.skipif(
    _HUGE_PAGES.is_file() and "[always]" in _HUGE_PAGES.read_text(), reason="huge pages: hardly a fault in any case"
)

FAULTS = """
import resource, torch
from skipline.allocator import keep_freed_memory, raise_trim_threshold
torch.set_num_threads(1)

def faults(run):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    run()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize() // 2**20
"""
BLOCKS = """
def use(mebibytes):
    torch.ones(mebibytes * 2**18)  # freed at once

use(64)
before = faults(lambda: use(64))
{calls}
for _ in range(4):  # the heap grows in one or a few steps, as its alignment wants
    use(64)
    use(20)
print(before, faults(lambda: use(60)), faults(lambda: use(18)))
"""
NEXT_TO_HELD = """
import skipline
net, images = skipline.build(skipline.describe("cifar_resnet20")).eval(), torch.zeros(32, 3, 32, 32)
held = []
hooks = [
    module.register_forward_hook(lambda _module, _inputs, output: held.append(output))
    for name, module in net.named_modules() if name.rpartition(".")[2].startswith("block")
]
torch.set_grad_enabled(False)
net(images)
for hook in hooks:
    hook.remove()
before = min(faults(lambda: net(images)) for _ in range(3))
{call}
print(before, sorted(faults(lambda: net(images)) for _ in range(5))[2])
"""


def printed(program: str) -> list[int]:
    """What numbers a process of its own prints: MiB of pages that were taken from the system."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    whole = [sys.executable, "-c", FAULTS + program]
    done = subprocess.run(whole, capture_output=True, text=True, timeout=120, env=kept)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


@runs_with_glibc
@sees_pages
@pytest.mark.parametrize("calls", ["assert keep_freed_memory()", "assert keep_freed_memory(); raise_trim_threshold()"])
def test_freed_memory_is_used_again_without_a_page_fault(calls: str) -> None:
    before, large, small = printed(BLOCKS.format(calls=calls))
    assert before > 40, "every call took new pages"
    assert (large, small) == (0, 0)


@runs_with_glibc
@sees_pages
def test_with_the_threshold_raised_large_blocks_still_go_back_to_the_system() -> None:
    before, large, small = printed(BLOCKS.format(calls="assert raise_trim_threshold()"))
    assert min(before, large) > 40
    assert small == 0


@runs_with_glibc
@sees_pages
@pytest.mark.parametrize(
    "call", ["assert raise_trim_threshold()", "skipline.features(net, images[:1], [0])"], ids=["told", "by features"]
)
def test_next_to_held_tensors_a_pass_uses_its_memory_again(call: str) -> None:
    before, after = printed(NEXT_TO_HELD.format(call=call))
    assert before > 15, "a pass takes its megabytes anew"
    assert after < 4, "they are there"


class TestWhatIsSet:
    """By a C library that writes down what it is told."""

    @pytest.fixture(autouse=True)
    def told(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
        told: list[tuple[int, int]] = []
        for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"):
            monkeypatch.delenv(name, raising=False)

        class Library:
            most = 2**30

            def mallopt(self, what: int, value: int) -> int:
                told.append((what, value))
                return int(what == -1 or value <= self.most)

        self.library = Library()
        monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _name: self.library)
        monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
        monkeypatch.setattr(allocator, "_is_set", None)
        return told

    def test_the_threshold_is_raised_once(self, told: list[tuple[int, int]]) -> None:
        assert raise_trim_threshold()
        assert raise_trim_threshold()
        assert told == [(-3, 2**25), (-1, 2**26)]

    def test_what_is_kept_stays_kept(self, told: list[tuple[int, int]]) -> None:
        assert raise_trim_threshold()
        assert keep_freed_memory()
        assert raise_trim_threshold()
        assert told[2:] == [(-3, 2**30), (-1, 2**31 - 1)]

    def test_an_older_glibc_keeps_blocks_of_32_mebibytes(self, told: list[tuple[int, int]]) -> None:
        self.library.most = 2**25
        assert keep_freed_memory()
        assert told == [(-3, 2**30), (-3, 2**25), (-1, 2**31 - 1)]

    @pytest.mark.parametrize(
        ("name", "value"), [("MALLOC_TRIM_THRESHOLD_", "1"), ("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=1")]
    )
    def test_the_environment_is_obeyed(
        self, name: str, value: str, told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, value)
        assert not raise_trim_threshold()
        assert told == []

    def test_another_c_library_is_told_nothing(
        self, told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[tuple[str, str]] = []

        def libc_ver() -> tuple[str, str]:
            asked.append(("", ""))
            return asked[-1]

        monkeypatch.setattr(platform, "libc_ver", libc_ver)
        assert not raise_trim_threshold()
        assert not raise_trim_threshold()
        assert len(asked) == 1, "which reads the interpreter's file"
        assert not keep_freed_memory()
        assert told == []
