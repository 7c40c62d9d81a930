"""Which images a run is judged by while it trains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

Judge = Literal["test", "validation"]


def judge_of(run: Path) -> Judge:
    """The images that the errors of the run folder `run` are of: of photos those for validation, else the test ones.

    A run on photos has a framing in its `preprocess.json`; its test part is for afterwards. The fields of files are
    called test for both.
    """
    try:
        content = json.loads((run / "preprocess.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return "test"
    return "validation" if isinstance(content, dict) and "framing" in content else "test"
