"""A race as `study.json` holds it: initialisers of one net, and how each stood."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictInt, StrictStr, model_validator

from skipline.report.records.record import Real, Record, check_format, parse
from skipline.report.records.spread import Spread, spread
from skipline.signal.verdict import OUTCOMES, Outcome

FORMAT = "skipline.study.race"
VERSION = 1

Positive = Annotated[StrictInt, Field(ge=1)]
NonNegative = Annotated[StrictInt, Field(ge=0)]


class EntrantRecord(Record):
    """One training: `losses[i]` is the loss of the batch of `steps[i]` before that step; errors are fractions.

    `num_steps` is how many steps had a finite loss. What diverged has no final values.
    """

    seed: StrictInt
    status: Literal["done", "diverged"]
    num_steps: NonNegative
    start_loss: Real
    train_loss: Real
    train_error: Real
    test_error: Real
    seconds: Real
    steps: tuple[NonNegative, ...] = Field(min_length=1)
    losses: tuple[Real, ...]

    @model_validator(mode="after")
    def _one_loss_a_step(self) -> Self:
        if len(self.steps) != len(self.losses):
            raise ValueError(f"losses has {len(self.losses)} values; steps has {len(self.steps)}, and each needs one")
        return self


class TriedRecord(Record):
    """A learning rate, and the mean final loss with it: infinite where a training diverged."""

    learning_rate: Real
    train_loss: Real


class StandingRecord(Record):
    """An initialiser, told by the learning rate that was best for it."""

    init: StrictStr
    equation: StrictStr
    source: StrictStr
    learning_rate: Real
    tried: tuple[TriedRecord, ...] = Field(min_length=1)
    trainability: Outcome
    entrants: tuple[EntrantRecord, ...] = Field(min_length=1)

    @property
    def num_diverged(self) -> int:
        """How many of its seeds diverged."""
        return sum(entrant.status == "diverged" for entrant in self.entrants)

    @property
    def final_loss(self) -> Spread:
        """Over the seeds that ended."""
        return spread(entrant.train_loss for entrant in self.entrants)

    @property
    def rank(self) -> tuple[int, float]:
        """What to sort by: those that train first, and of them those with the lowest loss."""
        mean = self.final_loss.mean
        return OUTCOMES.index(self.trainability), math.inf if math.isnan(mean) else mean


class NetRecord(Record):
    """The net that all initialisers start."""

    name: StrictStr
    unit: StrictStr
    depth: Positive
    num_blocks: tuple[Positive, ...]
    channels: tuple[Positive, ...]
    norm: StrictStr
    activation: StrictStr
    parameters: NonNegative


class LeftOutRecord(Record):
    """An initialiser that cannot start the net, and why."""

    init: StrictStr
    reason: StrictStr


class Race(Record):
    """A whole race."""

    source: StrictStr
    num_train: Positive
    num_test: Positive
    num_classes: Annotated[StrictInt, Field(ge=2)]
    recipe: Mapping[str, Any]
    environment: Mapping[str, Any]
    seconds: Real
    command: StrictStr
    network: NetRecord
    steps: Positive
    rates: tuple[Real, ...] = Field(min_length=1)
    rule: StrictStr
    standings: tuple[StandingRecord, ...] = Field(min_length=1)
    left_out: tuple[LeftOutRecord, ...]
    sentence: StrictStr

    @property
    def ranked(self) -> tuple[StandingRecord, ...]:
        """The initialisers, the best first."""
        return tuple(sorted(self.standings, key=lambda standing: standing.rank))


def parse_race(value: Mapping[str, Any], *, where: str) -> Race:
    """Check `value` and take it over; `where` names the file in every complaint (ReportError)."""
    check_format(value, format=FORMAT, version=VERSION, where=where)
    return parse(Race, value, where=where)
