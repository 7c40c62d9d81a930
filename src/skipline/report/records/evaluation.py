"""An evaluation as a run's folder holds it, every field checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt, StrictStr

from skipline.report.records.record import Real, Record, check_format, parse, read_object

FORMAT = "skipline.evaluation"
VERSION = 1
Count = Annotated[StrictInt, Field(ge=0)]


class MeasuredRecord(Record):
    """A value and its 95 % interval."""

    value: Real
    low: Real
    high: Real


class TopRecord(MeasuredRecord):
    """The share of images whose label is among the k likeliest classes."""

    k: Count


class BinRecord(Record):
    """Images of like confidence."""

    num_images: Count
    confidence: Real
    accuracy: Real


class CalibrationRecord(Record):
    """How honest the confidence is."""

    log_loss: Real
    ece_equal_width: Real
    ece_equal_mass: Real
    bins: tuple[BinRecord, ...]


class TemperedRecord(CalibrationRecord):
    """The same after temperature scaling."""

    temperatures: tuple[Real, ...]
    fitted_on: StrictStr


class PointRecord(Record):
    """The error among the surest answers."""

    coverage: Real
    risk: Real


class RiskCoverageRecord(Record):
    """The curve of error over coverage."""

    area: MeasuredRecord
    least_area: Real
    curve: tuple[PointRecord, ...]
    coverage_at: tuple[PointRecord, ...]


class ClassRecord(Record):
    """How a class did."""

    name: StrictStr
    mistakes: Count
    images: Count
    answers: Count
    recall: MeasuredRecord
    precision: MeasuredRecord
    f1: Real


class SliceRecord(Record):
    """Images whose value lies between two."""

    low: Real
    high: Real
    num_images: Count
    accuracy: MeasuredRecord


class SlicesRecord(Record):
    """All slices by one value."""

    name: StrictStr
    parts: tuple[SliceRecord, ...]


class ErrorRecord(Record):
    """An image that is wrong; `answer` is −1 where there was none."""

    index: Count
    file: StrictStr
    label: Count
    answer: StrictInt
    answer_probability: Real
    label_probability: Real


class SuspectRecord(Record):
    """An image whose label is likely wrong."""

    index: Count
    file: StrictStr
    label: Count
    suggested: Count
    label_probability: Real
    suggested_probability: Real


class EvaluationFile(Record):
    """`evaluation.json`; `confusion` has (label, answer, images), the answer −1 where there was none.

    `num_lost` images should have been asked and cannot be read, `num_learnt` were left out because the model has
    learnt from them. `chance_p_value` is that of `evaluate.chance`, 0 in files that have none.
    """

    data: StrictStr
    part: StrictStr
    num_images: Annotated[StrictInt, Field(ge=1)]
    num_lost: Count = 0
    num_learnt: Count = 0
    accuracy: MeasuredRecord
    balanced_accuracy: MeasuredRecord
    top_k: tuple[TopRecord, ...]
    log_loss: MeasuredRecord
    brier: MeasuredRecord
    calibration: CalibrationRecord
    tempered: TemperedRecord
    risk_coverage: RiskCoverageRecord
    classes: Annotated[tuple[ClassRecord, ...], Field(min_length=1)]
    confusion: tuple[tuple[Count, Annotated[StrictInt, Field(ge=-1)], Count], ...]
    slices: tuple[SlicesRecord, ...]
    worst_errors: tuple[ErrorRecord, ...]
    chance_p_value: Real = 0.0
    are_labels_judged: StrictBool
    num_suspects: Count
    suspects: tuple[SuspectRecord, ...]

    def class_name(self, label: int) -> str:
        """What class `label` is called; "no answer" where there is none."""
        return self.classes[label].name if 0 <= label < len(self.classes) else "no answer"


def read_evaluation(path: Path) -> EvaluationFile:
    """Read an `evaluation.json`; raises ReportError that names the file and what is wrong with it."""
    value = read_object(path)
    check_format(value, format=FORMAT, version=VERSION, where=str(path))
    return parse(EvaluationFile, value, where=str(path))
