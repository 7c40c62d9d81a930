"""The process keeps the memory that it frees, or hands it back in larger portions."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is told")

FAULTS = """
import resource, torch
from skipline.allocator import keep_freed_memory, raise_trim_threshold
torch.set_num_threads(1)

def faults(run):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    run()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
"""
KEEPS = """
def use(mebibytes):
    torch.ones(mebibytes * 2**18)  # freed at once

use(64)
before = faults(lambda: use(64))
{calls}
for _ in range(4):  # the heap grows in one or a few steps, as its alignment wants
    use(64)
print(before, faults(lambda: use(60)))
"""
LEARNS = """
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
after = sorted(faults(lambda: net(images)) for _ in range(5))[2]
print(before, after)
"""


def printed(program: str) -> list[int]:
    """What numbers a process of its own prints."""
    done = subprocess.run([sys.executable, "-c", FAULTS + program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


@pytest.mark.slow  # processes write gigabytes
@pytest.mark.parametrize("calls", ["assert keep_freed_memory()", "assert keep_freed_memory(); raise_trim_threshold()"])
def test_freed_memory_is_used_again_without_a_page_fault(calls: str) -> None:
    before, kept = printed(KEEPS.format(calls=calls))
    assert kept < 100, "60 MiB again, with hardly a fault"
    assert before > 10_000, "before, every call took new pages"


@pytest.mark.parametrize(
    "call", ["assert raise_trim_threshold()", "skipline.features(net, images[:1], [0])"], ids=["told", "by features"]
)
def test_next_to_held_tensors_a_pass_uses_its_memory_again(call: str) -> None:
    before, after = printed(LEARNS.format(call=call))
    assert before > 4000, "a pass takes its megabytes anew"
    assert after < 1000, "they are there"


def test_large_blocks_still_go_back_to_the_system() -> None:
    before, after = printed(KEEPS.format(calls="assert raise_trim_threshold()"))
    assert min(before, after) > 10_000
