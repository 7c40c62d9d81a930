"""A calibration as `study.json` holds it: cells of a grid, what came of them, and who foresaw it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, StrictInt, StrictStr, model_validator

from skipline.report.records.record import Real, Record, check_format, parse
from skipline.signal.verdict import VERDICTS, Verdict

FORMAT = "skipline.study.calibration"
VERSION = 1

Positive = Annotated[StrictInt, Field(ge=1)]
NonNegative = Annotated[StrictInt, Field(ge=0)]


class AttemptRecord(Record):
    """A cell trained at one rate; NaN where it diverged."""

    learning_rate: Real
    trainability: Verdict
    num_steps: NonNegative
    start_loss: Real
    train_loss: Real
    train_error: Real
    seconds: Real


class GridRecord(Record):
    """A cell of the grid, told by the best of its attempts."""

    images: StrictStr
    unit: StrictStr
    depth: Positive
    norm: StrictStr
    activation: StrictStr
    slope: Real
    init: StrictStr
    trainability: Verdict
    attempts: tuple[AttemptRecord, ...] = Field(min_length=1)

    @property
    def kind(self) -> str:
        """What the tables have a row for: `plain, no norm, relu`."""
        norm = "no norm" if self.norm == "none" else f"{self.norm} norm"
        slope = f" {self.slope:g}" if self.slope else ""
        return f"{self.unit}, {norm}, {self.activation}{slope}"


class ImagesRecord(Record):
    """What cells were trained on, and how."""

    source: StrictStr
    num_train: Positive
    num_test: Positive
    steps: Positive
    recipe: Mapping[str, Any]
    environment: Mapping[str, Any]


class DisagreementRecord(Record):
    """A cell of which something else was predicted than came out."""

    cell: StrictStr
    predicted: Verdict
    actual: Verdict


class JudgedRecord(Record):
    """What one judge said; a row of `counts` is what was predicted, a column what came out, as in `VERDICTS`."""

    judge: StrictStr
    num_cells: Positive
    agreement: Real
    agreement_on_training: Real
    counts: tuple[tuple[NonNegative, ...], ...]
    disagreements: tuple[DisagreementRecord, ...]

    @model_validator(mode="after")
    def _a_count_for_each_pair(self) -> Self:
        if [len(row) for row in self.counts] != [len(VERDICTS)] * len(VERDICTS):
            raise ValueError(f"counts has rows of {[len(row) for row in self.counts]}; expected three of three")
        return self


class Calibration(Record):
    """A whole calibration."""

    rule: StrictStr
    rates: tuple[Real, ...]
    images: tuple[ImagesRecord, ...] = Field(min_length=1)
    seconds: Real
    command: StrictStr
    cells: tuple[GridRecord, ...] = Field(min_length=1)
    judged: tuple[JudgedRecord, ...]


def parse_calibration(value: Mapping[str, Any], *, where: str) -> Calibration:
    """Check `value` and take it over; `where` names the file in every complaint (ReportError)."""
    check_format(value, format=FORMAT, version=VERSION, where=where)
    return parse(Calibration, value, where=where)
