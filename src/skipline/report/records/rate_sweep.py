"""A sweep of learning rates as its file holds it."""

from __future__ import annotations

from pathlib import Path

from pydantic import StrictStr

from skipline.report.records.record import Real, Record, check_format, parse, read_object

NAME = "learning_rate.json"
_FORMAT = "skipline.rate_sweep"
_VERSION = 1


class RateSweepRecord(Record):
    """`learning_rate.json`: the loss of each step at its rate, the same smoothed, and what was made of it."""

    rates: tuple[Real, ...]
    losses: tuple[Real, ...]
    smoothed: tuple[Real, ...]
    suggestion: Real
    sentence: StrictStr


def read_rate_sweep(path: Path) -> RateSweepRecord:
    """Read `path`. Raises ReportError that names it, where it is broken or of another version."""
    value = read_object(path)
    check_format(value, format=_FORMAT, version=_VERSION, where=str(path))
    return parse(RateSweepRecord, value, where=str(path))
