"""Time spans as tables show them; by itself, so that a list of runs loads no torch."""

from __future__ import annotations

import math

from skipline.amount import UNKNOWN


def duration(seconds: float) -> str:
    """Seconds as `8 s`, `3:05` or `2:04:59`; an em dash where there is no such number."""
    if not math.isfinite(seconds):
        return UNKNOWN
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
