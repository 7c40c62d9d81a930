"""How many cores there are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skipline import cores
from skipline.cores import available_cores


@pytest.mark.parametrize(
    ("quota", "most"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", 10**6), ("nonsense", 10**6)]
)
def test_a_container_has_a_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, most: int) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(cores, "_QUOTA", tmp_path / "cpu.max")
    assert 1 <= available_cores() <= min(most, os.cpu_count() or 1)
