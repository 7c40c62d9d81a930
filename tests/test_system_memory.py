"""How much memory there is: what the system could hand out, or what the container's limit leaves."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from skipline import system_memory
from skipline.system_memory import free_system_memory


def test_free_memory_is_the_systems_or_what_the_container_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    information = tmp_path / "meminfo"
    information.write_text("MemTotal: 9000 kB\nMemAvailable: 5000 kB\n", encoding="utf-8")
    monkeypatch.setattr(system_memory, "_INFORMATION", information)
    monkeypatch.setattr(system_memory, "_GROUP", tmp_path)
    assert free_system_memory() == 5000 * 1024
    for name, text in (("memory.max", "3000000\n"), ("memory.current", "1000000\n"), ("memory.stat", "anon 5\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert free_system_memory() == 2_000_000
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 400000\n", encoding="utf-8")
    assert free_system_memory() == 2_400_000
    (tmp_path / "memory.max").write_text("max\n", encoding="utf-8")
    information.unlink()
    assert free_system_memory() == math.inf
