"""Amounts as the terminal shows them; by itself, so that a list of runs loads no torch."""

from __future__ import annotations

import math

UNKNOWN = "—"


def percent(fraction: float | str, *, places: int = 2, unknown: str = UNKNOWN) -> str:
    """`0.57 %`; `unknown` where there is no such number, and for "NaN", which is how files say so."""
    if isinstance(fraction, str) or not math.isfinite(fraction):
        return unknown
    return f"{100 * fraction:.{places}f} %"


def counted(num: int, one: str, many: str = "") -> str:
    """`1 seed`, `3 seeds`, `1,437 images`; `many` where an s is not enough."""
    return f"{num:,} {one if num == 1 else many or f'{one}s'}"
