"""Where in a run its net grew deeper: read from the depths in its curve, and from `deepened.json`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StrictInt

from skipline.report.error import ReportError
from skipline.report.number import count
from skipline.report.records.record import Record, check_format, parse, read_object
from skipline.spec import SpecError, from_json
from skipline.store.run_files import DEEPENED

_FORMAT, _VERSION = "skipline.deepened", 1


@dataclass(frozen=True, kw_only=True)
class Growth:
    """After `step` steps a net of `before` layers became one of `after`."""

    step: int
    before: int
    after: int

    @property
    def label(self) -> str:
        """Both depths, as they stand above a chart."""
        return f"{count(self.before)} → {count(self.after)}"


class DeepenedRecord(Record):
    """`deepened.json`: after how many steps of another run this one began, and the networks before and after."""

    step: Annotated[StrictInt, Field(ge=0)]
    source: dict[str, Any]
    target: dict[str, Any]


def read_growths(run: Path, depths: Iterable[tuple[int, int]]) -> tuple[Growth, ...]:
    """The growths of the run in the folder `run`, in the order of steps.

    `depths`: a step and how deep the net was after it, for each evaluation. Between two of different depths the net
    grew right after the first, as a recipe has it; where the run goes on from another one its `deepened.json` has the
    step. Raises ReportError that names that file, where it is broken.
    """
    seen = list(depths)
    if (run / DEEPENED).exists():
        step, before, after = _begun(run / DEEPENED)
        place = bisect_right([step for step, _ in seen], step)
        seen[place:place] = [(step, before), (step, after)]
    changes = ((step, before, after) for (step, before), (_, after) in pairwise(seen) if before != after)
    return tuple(Growth(step=step, before=before, after=after) for step, before, after in changes)


def _begun(path: Path) -> tuple[int, int, int]:
    value = read_object(path)
    check_format(value, format=_FORMAT, version=_VERSION, where=str(path))
    record = parse(DeepenedRecord, value, where=str(path))
    try:
        before, after = (from_json(network).depth for network in (record.source, record.target))
    except SpecError as error:
        raise ReportError(f"{path}: {error}") from error
    return record.step, before, after
