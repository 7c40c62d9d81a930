"""Early stopping: when a run has waited long enough for a better test error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skipline.files import read_number


def is_out_of_patience(evaluations: Sequence[Mapping[str, Any]], patience: float) -> bool:
    """Whether the lowest test error of `evaluations`, one an epoch, the newest last, is `patience` epochs old.

    Of equal errors the first counts. A function of what `metrics.jsonl` holds, so a resumed run decides the same. The
    weights of that epoch are in `checkpoints/best`.
    """
    errors = [read_number(line["test_error"]) for line in evaluations]
    return len(errors) > patience and min(errors[: len(errors) - int(patience)]) <= min(errors[-int(patience) :])
