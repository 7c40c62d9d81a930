"""How the cores are shared out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skipline.study import Share, available_cores, cores, share_of, share_out


@pytest.mark.parametrize(
    ("num_cores", "num_cells", "image_size", "on_cpu", "share"),
    [
        (2, 16, 8, True, Share(jobs=2, threads=1)),
        (16, 4, 8, True, Share(jobs=4, threads=1)),
        (1, 16, 8, True, Share(jobs=1, threads=1)),
        (2, 16, 32, True, Share(jobs=2, threads=1)),
        (16, 16, 32, True, Share(jobs=4, threads=4)),
        (16, 16, 8, False, Share(jobs=1, threads=16)),
    ],
)
def test_the_rule(num_cores: int, num_cells: int, image_size: int, on_cpu: bool, share: Share) -> None:
    assert share_of(num_cores, num_cells=num_cells, image_size=image_size, on_cpu=on_cpu) == share


@pytest.mark.parametrize(("num_cores", "jobs", "threads"), [(8, 3, 2), (2, 5, 1), (4, 1, 4)])
def test_cores_go_to_as_many_processes_as_asked_for(num_cores: int, jobs: int, threads: int) -> None:
    assert share_out(num_cores, jobs=jobs) == Share(jobs, threads)


@pytest.mark.parametrize(
    ("quota", "most"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", 10**6), ("nonsense", 10**6)]
)
def test_a_container_has_a_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, most: int) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(cores, "_QUOTA", tmp_path / "cpu.max")
    assert 1 <= available_cores() <= min(most, os.cpu_count() or 1)
