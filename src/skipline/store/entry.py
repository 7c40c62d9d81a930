"""One run as a list of runs knows it, and how it is read from its folder."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeGuard, get_args

from skipline.files import parse_object
from skipline.store.evaluations import Evaluations, lost_evaluations, read_evaluations
from skipline.store.judge import Judge, judge_of
from skipline.store.run_files import (
    CHECKPOINTS,
    CONFIG,
    DONE,
    ENVIRONMENT,
    EVALUATION,
    FAILURE,
    LOCK,
    METRICS,
    MODEL,
    SETTINGS,
)

if sys.platform != "win32":
    import fcntl

Value: TypeAlias = str | int | float | bool | None
State = Literal["done", "failed", "running", "stopped", "broken"]
STATES: tuple[State, ...] = get_args(State)
FIELDS = ("name", "state", "model", "source", "seed", "epochs", "steps", "error", "best_error", "accuracy", "seconds")
"""What a run can be sorted and chosen by beside its settings; `error` is its last test error (of photos: validation
error), `accuracy` that of its evaluation."""

# What decides an entry: where one of these has another time or size, or came or went, the folder is read again.
WATCHED = (SETTINGS, ENVIRONMENT, METRICS, DONE, FAILURE, EVALUATION, MODEL)
OF_A_RUN = (*WATCHED, CONFIG, CHECKPOINTS)
_BEGUN = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEntry:
    """A run: `state` as it was when it was read, and for one that is broken why.

    `lost`: which of its evaluations are, or cannot be read, "" for none; what it says of epochs, steps and errors is
    then of those left. `damaged`: what is wrong with its other results, the evaluation and the model, "" for nothing.
    `judge`: which images its errors are of. `settings` are those of its recipe by their paths, as in
    `optimiser.learning_rate`, without the network's description. Numbers are NaN where the run does not have them
    yet; whole ones, the seed above all, stay whole.
    """

    name: str
    state: State
    why: str
    lost: str
    damaged: str
    begun: str
    model: str
    source: str
    judge: Judge
    seed: float
    epochs: float
    steps: float
    error: float
    best_error: float
    accuracy: float
    seconds: float
    settings: Mapping[str, Value]

    def value(self, name: str) -> Value:
        """A field, or a setting by its path; None for what the run does not have."""
        fields = {"begun": self.begun, **{field: self._field(field) for field in FIELDS}}
        return fields[name] if name in fields else self.settings.get(name)

    def _field(self, name: str) -> Value:
        values: dict[str, Value] = {
            "name": self.name,
            "state": self.state,
            "model": self.model,
            "source": self.source,
            "seed": self.seed,
            "epochs": self.epochs,
            "steps": self.steps,
            "error": self.error,
            "best_error": self.best_error,
            "accuracy": self.accuracy,
            "seconds": self.seconds,
        }
        return values[name]


def read_entry(path: Path) -> RunEntry:
    """What the run folder `path` holds now; never raises for what is in it: what is no whole run is broken."""
    try:
        return _whole_entry(path)
    except RecursionError:
        return _broken(path, "its files are nested too deeply")
    except (OSError, ValueError) as error:
        return _broken(path, _reason(error, path))


def _whole_entry(path: Path) -> RunEntry:
    recipe = _object(path / SETTINGS)
    found = read_evaluations(path / METRICS)
    lines = found.lines
    last = lines[-1] if lines else {}
    errors = [error for error in (_number(line.get("test_error")) for line in lines) if math.isfinite(error)]
    network = recipe.get("network")
    model = network.get("name") if isinstance(network, dict) else network
    seed, state = recipe.get("seed"), _state(path)
    accuracy, unreadable = _accuracy(path / EVALUATION)
    damaged = filter(None, (unreadable, _lost_model(path / MODEL) if state == "done" else ""))
    return RunEntry(
        name=path.name,
        state=state,
        why="",
        lost=_lost(recipe, found, is_done=state == "done"),
        damaged=" and ".join(damaged),
        begun=_begun(path),
        model=str(model or ""),
        source=str(recipe.get("source", "")),
        judge=judge_of(path),
        seed=seed if _is_whole(seed) else math.nan,
        epochs=_number(last.get("epoch")),
        steps=_number(last.get("step")),
        error=_number(last.get("test_error")),
        best_error=min(errors, default=math.nan),
        accuracy=accuracy,
        seconds=_number(last.get("seconds")),
        settings=dict(_flat(recipe, prefix="")),
    )


def _lost(recipe: Mapping[str, Any], found: Evaluations, *, is_done: bool) -> str:
    lost = lost_evaluations(recipe, found.lines, is_done=is_done, are_all_read=not found.faults)
    said = " and ".join(filter(None, (found.unreadable(), lost)))
    return f"{METRICS} {said}" if said else ""


def live_state(path: Path) -> State:
    """Whether a run that has not ended is being trained now: some process then holds its lock."""
    if sys.platform == "win32":
        return "stopped"
    try:
        file = os.open(path / LOCK, os.O_RDONLY)
    except OSError:
        return "stopped"
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return "running"
    except OSError:  # a file system that cannot lock
        return "stopped"
    finally:
        os.close(file)
    return "stopped"


def _state(path: Path) -> State:
    if (path / DONE).exists():
        return "done"
    return "failed" if (path / FAILURE).exists() else live_state(path)


def _broken(path: Path, why: str) -> RunEntry:
    nan = math.nan
    return RunEntry(
        name=path.name,
        state="broken",
        why=why,
        lost="",
        damaged="",
        begun=_begun(path),
        model="",
        source="",
        judge="test",
        seed=nan,
        epochs=nan,
        steps=nan,
        error=nan,
        best_error=nan,
        accuracy=nan,
        seconds=nan,
        settings={},
    )


def _reason(error: Exception, path: Path) -> str:
    if isinstance(error, FileNotFoundError) and error.filename is not None:
        return f"it has no {Path(error.filename).name}"
    if isinstance(error, OSError):
        return f"{Path(error.filename or path).name} cannot be read: {error.strerror}"
    return str(error)


def _object(path: Path) -> dict[str, Any]:
    try:
        return parse_object(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _accuracy(path: Path) -> tuple[float, str]:
    """The accuracy in `evaluation.json`, NaN where it is not known; and why the file cannot be read, "" if it can."""
    if not path.exists():
        return math.nan, ""
    try:
        accuracy = parse_object(path.read_bytes()).get("accuracy")
    except OSError as error:
        return math.nan, f"{path.name} cannot be read ({error.strerror})"
    except ValueError as error:
        return math.nan, f"{path.name} cannot be read ({error})"
    return (_number(accuracy.get("value")) if isinstance(accuracy, dict) else math.nan), ""


def _lost_model(path: Path) -> str:
    """What is said of the model of a finished run where there is none; "" where it has one."""
    try:
        return "" if path.stat().st_size else f"{path.name} has 0 bytes"
    except FileNotFoundError:
        return f"{path.name} is missing"


def _number(value: object) -> float:
    """The number that `value` is, whole ones as they are; NaN for all else, and for what no float can hold."""
    if not isinstance(value, float) and not _is_whole(value):
        return math.nan
    return value if abs(value) <= sys.float_info.max else math.nan


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _begun(path: Path) -> str:
    found = _BEGUN.match(path.name)
    if found is None:
        return ""
    year, month, day, hour, minute, second = found.groups()
    return f"{year}-{month}-{day} {hour}:{minute}:{second}"


def _flat(values: Mapping[str, Any], *, prefix: str) -> Iterator[tuple[str, Value]]:
    for name, value in values.items():
        if not prefix and name in ("format", "version", "network"):
            continue
        if isinstance(value, dict):
            yield from _flat(value, prefix=f"{prefix}{name}.")
        else:
            plain = isinstance(value, str | int | float) or value is None
            yield f"{prefix}{name}", value if plain else json.dumps(value)
