"""What fills the cells of studies' live tables: bars, means, and the colours of errors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.text import Text

_GOOD, _BAD = 0.05, 0.3  # training errors that are coloured green and red; guessed, only a colour


def bar(fraction: float, width: int) -> Text:
    """A line of `width` columns, filled as far as `fraction`."""
    full = round(fraction * width)
    return Text.assemble(("━" * full, "cyan"), ("─" * (width - full), "dim"))


def error_style(error: float) -> str:
    """The colour of a training error."""
    return "bold green" if error < _GOOD else "bold red" if error > _BAD else "bold yellow"


def mean(values: Sequence[float]) -> float:
    """The mean of those that are known; NaN where none is."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
