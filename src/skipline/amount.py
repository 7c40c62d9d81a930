"""Amounts as people read them: shares, counts, times, sizes; by itself, so that a list of runs loads no torch."""

from __future__ import annotations

import math

UNKNOWN = "—"
_UNITS = (("GiB", 2**30), ("MiB", 2**20))


def percent(fraction: float | str, *, places: int = 2, unknown: str = UNKNOWN) -> str:
    """`0.57 %`; `unknown` where there is no such number, and for "NaN", which is how files say so."""
    if isinstance(fraction, str) or not math.isfinite(fraction):
        return unknown
    return f"{100 * fraction:.{places}f} %"


def counted(num: int, one: str, many: str = "") -> str:
    """`1 seed`, `3 seeds`, `1,437 images`; `many` where an s is not enough."""
    return f"{num:,} {one if num == 1 else many or f'{one}s'}"


def duration(seconds: float, *, places: int = 0, unknown: str = UNKNOWN) -> str:
    """`9 s`, `1 min 35 s`, `2 h 03 min`; `unknown` where there is no such number.

    Below ten seconds with `places` digits behind the point.
    """
    if not math.isfinite(seconds):
        return unknown
    if seconds < 10 - 0.5 * 10**-places:  # else it would be said as ten
        return f"{seconds:.{places}f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min"


def setting_text(value: object) -> str:
    """A setting that is a number, text or truth value: `0.00125` for what ten digits of it are, `50` for 50.0.

    `none` for what is missing and for a limit that is infinite, which files have as "Infinity": both mean no limit.
    """
    if value is None or value == "Infinity" or (isinstance(value, float) and math.isinf(value)):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def size_text(num_bytes: float) -> str:
    """`num_bytes` in the unit that leaves at least one digit before the point: `2.00 GiB`, `13.4 MiB`."""
    for unit, size in _UNITS:
        amount = num_bytes / size
        if amount >= 1:
            return f"{amount:,.2f} {unit}" if amount < 10 else f"{amount:,.1f} {unit}"
    return f"{num_bytes / 1024:,.1f} KiB"
