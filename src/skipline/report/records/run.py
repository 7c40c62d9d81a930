"""A run folder as a report reads it: what was asked for, where it ran, what each evaluation gave, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt, StrictStr

from skipline.report.error import ReportError
from skipline.report.records.faults import Faults
from skipline.report.records.growth import Growth, read_growths
from skipline.report.records.record import Real, Record, check_format, parse, read_object
from skipline.store import Judge, judge_of
from skipline.store.evaluations import Evaluations, is_cut_off, lost_evaluations, read_evaluations
from skipline.store.run_files import DONE, ENVIRONMENT, FAILURE, METRICS, SETTINGS

# Of every JSON file of a run folder, the version that is read here.
VERSION = 1
FORMATS = {
    SETTINGS: "skipline.recipe",
    ENVIRONMENT: "skipline.environment",
    FAILURE: "skipline.failure",
}

State = Literal["done", "failed", "open"]


class EvaluationRecord(Record):
    """One line of `metrics.jsonl`; errors are fractions, `seconds` counts from the start of the run.

    `skipline.store.evaluations` has checked it. `depth`: of the net that was evaluated, in layers; earlier runs did
    not write it.
    """

    step: Annotated[StrictInt, Field(ge=0)]
    epoch: Annotated[StrictInt, Field(ge=0)]
    learning_rate: Real
    train_loss: Real
    train_error: Real
    test_loss: Real
    test_error: Real
    images_per_second: Real
    seconds: Real
    depth: Annotated[StrictInt, Field(ge=1)] | None = None


class FailureRecord(Record):
    """`FAILED.json`: why the run failed, after how many steps, and the first place in the network that went wrong.

    `remedy`: what of its settings could be changed so that it fails less easily; older runs do not say it.
    """

    reason: StrictStr
    step: Annotated[StrictInt, Field(ge=0)]
    site: StrictStr
    remedy: StrictStr = ""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What a run folder holds.

    `judge`: which images `test_error` and `test_loss` are of. `state` is `open` where the run has neither
    ended nor failed: it is going on, or was killed. `failures` holds what `FAILED.json` says of a run that failed,
    and nothing of another. `cut_short` tells that the last line of `metrics.jsonl` was not whole and was left out.
    `lost`: which evaluations are, or cannot be read, said of `metrics.jsonl` ("has no line for epoch 2"), "" for none;
    `is_cut_off`: the last ones of a finished run are among them. `growths`: where the net became deeper.
    """

    name: str
    judge: Judge
    resolved: Mapping[str, Any]
    environment: Mapping[str, Any]
    evaluations: tuple[EvaluationRecord, ...]
    cut_short: bool
    lost: str
    is_cut_off: bool
    state: State
    failures: tuple[FailureRecord, ...]
    growths: tuple[Growth, ...]


def read_run(path: Path, faults: Faults) -> RunRecord:
    """Read the run folder `path`; a run without evaluations, still going or failed, is read with what there is.

    Raises ReportError that names the file, for a folder that is no run and, where `faults` are refused, for a file that
    is broken or of another version. That evaluations are lost is no fault here: the record says it.
    """
    if not path.is_dir():
        raise ReportError(f"{path}: there is no such folder; expected a run folder. List them with: skipline runs")
    if not (path / SETTINGS).is_file():
        raise ReportError(
            f"{path}: has no resolved.json, so it is not a run folder. List run folders with: skipline runs"
        )
    metrics = path / METRICS
    found = faults.part(lambda: _read_metrics(metrics), otherwise=Evaluations((), {}, False))
    for number, fault in found.faults.items():
        faults.add(f"{metrics}, line {number}: {fault}")
    evaluations = tuple(map(EvaluationRecord.model_validate, found.lines))
    failure = path / FAILURE
    state: State = "done" if (path / DONE).exists() else "failed" if failure.is_file() else "open"
    resolved = faults.part(lambda: _read(path / SETTINGS), otherwise={})
    is_done = state == "done"
    lost = lost_evaluations(resolved, found.lines, is_done=is_done, are_all_read=not found.faults)
    depths = [(e.step, e.depth) for e in evaluations if e.depth is not None]
    return RunRecord(
        name=path.resolve().name,
        judge=judge_of(path),
        resolved=resolved,
        environment=faults.part(lambda: _read(path / ENVIRONMENT), otherwise={}),
        evaluations=evaluations,
        cut_short=found.is_cut_short,
        lost=lost,
        is_cut_off=is_done and is_cut_off(resolved, found.lines),
        state=state,
        failures=faults.part(lambda: _failures(failure), otherwise=()) if state == "failed" else (),
        growths=faults.part(lambda: read_growths(path, depths), otherwise=()),
    )


def _failures(path: Path) -> tuple[FailureRecord, ...]:
    return (parse(FailureRecord, _read(path), where=str(path)),)


def _read(path: Path) -> Mapping[str, Any]:
    value = read_object(path)
    check_format(value, format=FORMATS[path.name], version=VERSION, where=str(path))
    return value


def _read_metrics(path: Path) -> Evaluations:
    try:
        return read_evaluations(path)
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from error
