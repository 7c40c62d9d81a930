"""Which images a run is judged by while it trains."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from skipline.store.photo_run import is_photo_run

Judge = Literal["test", "validation"]


def judge_of(run: Path) -> Judge:
    """The images that the errors of the run folder `run` are of: of photos those for validation, else the test ones.

    The test part of photos is for afterwards. The fields of files are called test for both.
    """
    return "validation" if is_photo_run(run) else "test"
