"""Whether a run was trained on photos, told from its folder."""

from __future__ import annotations

import json
from pathlib import Path

from skipline.store.run_files import PREPROCESS


def is_photo_run(run: Path) -> bool:
    """Whether the run folder `run` was trained on photos: its `preprocess.json` then says how each was framed.

    False where that file is missing or damaged. `split.json` lists them too, but may have a line for each of a million.
    """
    try:
        content = json.loads((run / PREPROCESS).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "framing" in content
