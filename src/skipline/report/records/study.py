"""The depth study as `study.json` holds it: plain and residual nets over depths and seeds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from skipline.report.records.record import Real, Record, check_format, parse

FORMAT = "skipline.study.depth"
VERSION = 1

UnitName = Literal["plain", "residual"]
Verdict = Literal["holds", "does not hold", "undecided"]
UNIT_NAMES: tuple[UnitName, ...] = get_args(UnitName)
Positive = Annotated[StrictInt, Field(ge=1)]
NonNegative = Annotated[StrictInt, Field(ge=0)]


class CurvePoint(Record):
    """What one epoch of one training gave; errors are fractions, and NaN where there was none."""

    epoch: NonNegative
    train_loss: Real
    train_error: Real
    test_error: Real


class CellRecord(Record):
    """One training: a unit, a depth and a seed; `train_error` and `test_error` are final, on the whole sets.

    A cell that diverged may lack the final values: they are NaN then.
    """

    unit: UnitName
    depth: Positive
    seed: StrictInt
    model: StrictStr
    parameters: NonNegative
    seconds: Real
    status: Literal["done", "diverged"]
    train_error: Real = math.nan
    train_loss: Real = math.nan
    test_error: Real = math.nan
    curve: tuple[CurvePoint, ...] = ()

    @model_validator(mode="after")
    def _errors_are_fractions(self) -> Self:
        for name, error in (("train_error", self.train_error), ("test_error", self.test_error)):
            if self.status == "done" and not math.isfinite(error):
                raise ValueError(f"{name} is missing or not finite though status is 'done'")
            if math.isfinite(error) and not 0 <= error <= 1:
                raise ValueError(f"{name} is {error}; an error is a fraction from 0 to 1")
        return self


class LinearRecord(Record):
    """A linear net with W = alpha · I: output norm and gradient norm over the input's, measured, and `alpha ** l`."""

    alpha: Real
    depth: tuple[Positive, ...] = Field(min_length=1)
    forward: tuple[Real, ...]
    gradient: tuple[Real, ...]
    predicted: tuple[Real, ...]

    @model_validator(mode="after")
    def _one_value_a_depth(self) -> Self:
        if not (self.alpha > 0 and math.isfinite(self.alpha)):
            raise ValueError(f"alpha is {self.alpha}; the figure's logarithmic scale needs a factor above 0")
        for name, values in (("forward", self.forward), ("gradient", self.gradient), ("predicted", self.predicted)):
            if len(values) != len(self.depth):
                raise ValueError(f"{name} has {len(values)} values; depth has {len(self.depth)}, and each needs one")
        return self


class ClaimRecord(Record):
    """One of the lecture's claims, and whether this study bears it out.

    `verdict`, where the file has it, tells a claim that does not hold from one that this study cannot decide.
    """

    name: StrictStr
    holds: StrictBool
    sentence: StrictStr
    verdict: Verdict | None = None

    @model_validator(mode="after")
    def _one_verdict(self) -> Self:
        if self.verdict is not None and self.holds != (self.verdict == "holds"):
            raise ValueError(f"verdict is {self.verdict!r} though holds is {str(self.holds).lower()}")
        return self


class DepthStudy(Record):
    """A whole study; `num_classes`, where the file has it, gives the error of guessing."""

    source: StrictStr
    num_train: Positive
    num_test: Positive
    num_classes: Annotated[StrictInt, Field(ge=2)] | None = None
    recipe: Mapping[str, Any]
    environment: Mapping[str, Any]
    seconds: Real
    command: StrictStr
    cells: tuple[CellRecord, ...] = Field(min_length=1)
    linear: tuple[LinearRecord, ...]
    claims: tuple[ClaimRecord, ...]
    sentence: StrictStr

    @model_validator(mode="after")
    def _one_cell_a_training(self) -> Self:
        counts = Counter((cell.unit, cell.depth, cell.seed) for cell in self.cells)
        for (unit, depth, seed), num in counts.items():
            if num > 1:
                raise ValueError(f"cells holds {num} trainings of {unit}, depth {depth}, seed {seed}; expected one")
        return self

    @property
    def depths(self) -> tuple[int, ...]:
        """The depths, each once, from the least."""
        return tuple(sorted({cell.depth for cell in self.cells}))

    @property
    def units(self) -> tuple[UnitName, ...]:
        """The units that were trained, plain before residual."""
        return tuple(unit for unit in UNIT_NAMES if any(cell.unit == unit for cell in self.cells))

    def at(self, *, unit: UnitName, depth: int) -> tuple[CellRecord, ...]:
        """The trainings of one unit at one depth, in the order of their seeds."""
        cells = (cell for cell in self.cells if cell.unit == unit and cell.depth == depth)
        return tuple(sorted(cells, key=lambda cell: cell.seed))


def parse_depth_study(value: Mapping[str, Any], *, where: str) -> DepthStudy:
    """Check `value` and take it over; `where` names the file in every complaint (ReportError)."""
    check_format(value, format=FORMAT, version=VERSION, where=where)
    return parse(DepthStudy, value, where=where)
