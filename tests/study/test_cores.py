"""How the cores are shared out."""

from __future__ import annotations

import pytest

from skipline.study.cores import CoreShare, share_of, share_out


@pytest.mark.parametrize(
    ("num_cores", "num_cells", "image_size", "on_cpu", "share"),
    [
        (2, 16, 8, True, CoreShare(jobs=2, threads=1)),
        (16, 4, 8, True, CoreShare(jobs=4, threads=1)),
        (1, 16, 8, True, CoreShare(jobs=1, threads=1)),
        (2, 16, 32, True, CoreShare(jobs=2, threads=1)),
        (16, 16, 32, True, CoreShare(jobs=4, threads=4)),
        (16, 16, 8, False, CoreShare(jobs=1, threads=16)),
    ],
)
def test_the_rule(num_cores: int, num_cells: int, image_size: int, on_cpu: bool, share: CoreShare) -> None:
    assert share_of(num_cores, num_cells=num_cells, image_size=image_size, on_cpu=on_cpu) == share


@pytest.mark.parametrize(("num_cores", "jobs", "threads"), [(8, 3, 2), (2, 5, 1), (4, 1, 4)])
def test_cores_go_to_as_many_processes_as_asked_for(num_cores: int, jobs: int, threads: int) -> None:
    assert share_out(num_cores, jobs=jobs) == CoreShare(jobs, threads)
