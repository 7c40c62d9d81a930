"""`layers.jsonl`: what a run that is watched writes of its layers, one line for each step that was probed.

A line is a JSON object:

- `step`: the number of steps done before the probe, rising from line to line.
- `sites`: by the site's name, in the order in which the signal passes them: `second_moment` (mean of x²),
  `gradient_norm` (root of the mean over images of ‖∂loss/∂x_n‖²), `zero_fraction` (share of exact zeros).
- `tensors`: by the parameter's path: `update_ratio` (norm of the last update ÷ norm of the weight) and
  `weight_norm`.
- `warnings`, which may be left out: a list of objects of `site` and `cause` (a sentence).

Numbers that are not finite are the texts `"NaN"`, `"Infinity"`, `"-Infinity"`, as in `metrics.jsonl`. A
figure that a probe did not take is left out. Further fields are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import Field, StrictInt, StrictStr

from skipline.files import whole_lines
from skipline.report.error import ReportError
from skipline.report.records.record import Real, Record, parse, parse_object


class SiteProbe(Record):
    """One site at one step; a figure that was not taken is None."""

    second_moment: Real | None = None
    gradient_norm: Real | None = None
    zero_fraction: Real | None = None


class TensorProbe(Record):
    """One parameter at one step; a figure that was not taken is None."""

    update_ratio: Real | None = None
    weight_norm: Real | None = None


class ProbeWarning(Record):
    """What was said while the run went on: the site and the cause, a sentence."""

    site: StrictStr
    cause: StrictStr


class ProbeRecord(Record):
    """One line of `layers.jsonl`."""

    step: Annotated[StrictInt, Field(ge=0)]
    sites: dict[StrictStr, SiteProbe]
    tensors: dict[StrictStr, TensorProbe] = Field(default_factory=dict)
    warnings: tuple[ProbeWarning, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LayersRecord:
    """All probes of a run; `cut_short` tells that the last line was not whole and was left out."""

    probes: tuple[ProbeRecord, ...]
    cut_short: bool


def read_layers(path: Path) -> LayersRecord:
    """Read `path`; raises ReportError that names the line, and the field, that does not fit."""
    try:
        whole, is_cut_short = whole_lines(path)
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from error
    probes = tuple(_probes(whole, path=path))
    for before, after in pairwise(probes):
        if after.step <= before.step:
            raise ReportError(
                f"{path}: step {after.step} comes after step {before.step}; expected each line to be later"
            )
    return LayersRecord(probes=probes, cut_short=is_cut_short)


def _probes(lines: list[str], *, path: Path) -> Iterator[ProbeRecord]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            where = f"{path}, line {number}"
            yield parse(ProbeRecord, parse_object(line, where=where), where=where)
