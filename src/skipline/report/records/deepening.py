"""A study of deepening as `study.json` holds it: three ways to spend the same multiply-adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictInt, StrictStr, model_validator

from skipline.report.records.record import Real, Record, check_format, parse
from skipline.report.records.study import CurvePoint, Positive

FORMAT = "skipline.study.deepening"
VERSION = 1


class TrainingRecord(Record):
    """One training from one seed; errors are fractions of the whole sets, NaN where it diverged."""

    seed: StrictInt
    parameters: Annotated[StrictInt, Field(ge=0)]
    seconds: Real
    status: Literal["done", "diverged"]
    train_error: Real
    train_loss: Real
    test_error: Real
    curve: tuple[CurvePoint, ...]


class WayRecord(Record):
    """One way: `spent[e]` is its multiply-adds after e epochs over those of the deep net in all."""

    way: Literal["deep", "deepened", "shallow"]
    label: StrictStr
    epochs: Positive
    grows_after: tuple[Positive, ...]
    spent: tuple[Real, ...]
    results: tuple[TrainingRecord, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_amount_an_epoch(self) -> Self:
        if len(self.spent) != self.epochs + 1:
            raise ValueError(f"spent has {len(self.spent)} amounts; expected one at the start and one after each epoch")
        last = max((point.epoch for each in self.results for point in each.curve), default=0)
        if last > self.epochs:
            raise ValueError(f"a curve reaches epoch {last}; there are {self.epochs}")
        return self


class DeepeningStudy(Record):
    """A whole study."""

    source: StrictStr
    num_train: Positive
    num_test: Positive
    recipe: Mapping[str, Any]
    environment: Mapping[str, Any]
    seconds: Real
    command: StrictStr
    share: Real
    ways: tuple[WayRecord, ...] = Field(min_length=1)
    sentence: StrictStr


def parse_deepening(value: Mapping[str, Any], *, where: str) -> DeepeningStudy:
    """Check `value` and take it over; `where` names the file in every complaint (ReportError)."""
    check_format(value, format=FORMAT, version=VERSION, where=where)
    return parse(DeepeningStudy, value, where=where)
