"""The evaluations of a run, one a line of `metrics.jsonl`: read, and which of them are lost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeGuard

from skipline.files import json_text, parse_object, read_number, whole_lines
from skipline.store.patience import is_out_of_patience
from skipline.wording import few, shown

_MOST_NAMED = 4  # epochs, in a sentence
_COUNTS = ("step", "epoch")
_NUMBERS = (
    "learning_rate",
    "train_loss",
    "train_error",
    "test_loss",
    "test_error",
    "images_per_second",
    "seconds",
)


@dataclass(frozen=True, slots=True)
class Evaluations:
    """What `metrics.jsonl` holds: `lines`, each whole and of a later step than the one before.

    `faults`: by the number of a line that is no evaluation why it is none. `is_cut_short`: behind them is a part of a
    line, which is left out.
    """

    lines: tuple[Mapping[str, Any], ...]
    faults: Mapping[int, str]
    is_cut_short: bool

    def unreadable(self) -> str:
        """Which lines cannot be read, and why the first cannot, said of `metrics.jsonl`; "" where all can."""
        if not self.faults:
            return ""
        numbers, why = [str(number) for number in self.faults], next(iter(self.faults.values()))
        if len(numbers) == 1:
            return f"cannot be read in line {numbers[0]} ({why})"
        return f"cannot be read in lines {few(numbers)} (the first: {why})"


def read_evaluations(path: Path) -> Evaluations:
    """The evaluations in `metrics.jsonl`, with what is wrong with the others; none where there is no file.

    Empty lines are passed over. Raises OSError where the file cannot be read at all.
    """
    if not path.exists():
        return Evaluations((), {}, False)
    whole, is_cut_short = whole_lines(path)
    lines: list[Mapping[str, Any]] = []
    faults: dict[int, str] = {}
    for number, text in enumerate(whole, start=1):
        if not text.strip():
            continue
        try:
            line = _evaluation(text)
            if lines and line["step"] <= lines[-1]["step"]:
                before = lines[-1]["step"]
                raise ValueError(f"step {line['step']} comes after step {before}; expected each line to be later")
        except ValueError as error:
            faults[number] = str(error)
        else:
            lines.append(line)
    return Evaluations(tuple(lines), faults, is_cut_short)


def _evaluation(text: str) -> Mapping[str, Any]:
    line = parse_object(text)
    for name in (*_COUNTS, *_NUMBERS):
        if name not in line:
            raise ValueError(f"{name} is missing")
    for name in _COUNTS:
        if not _is_step(line[name]):
            raise ValueError(f"{name} is {_said(line[name])}; expected a whole number from 0")
    for name in _NUMBERS:
        try:
            read_number(line[name])
        except ValueError:
            raise ValueError(f"{name} is {_said(line[name])}; expected a number") from None
    depth = line.get("depth")
    if depth is not None and (not _is_step(depth) or depth == 0):
        raise ValueError(f"depth is {_said(depth)}; expected a whole number from 1")
    return line


def _said(value: object) -> str:
    return json_text(value) if value is None or isinstance(value, bool) else shown(value)


def lost_evaluations(
    recipe: Mapping[str, Any], evaluations: Sequence[Mapping[str, Any]], *, is_done: bool, are_all_read: bool
) -> str:
    """Which evaluations of `metrics.jsonl` are lost or cannot be read, said of that file; "" where none is known to be.

    `recipe` is what `resolved.json` holds. A run writes a line an epoch, so that a number that is passed over is lost,
    unless it may be that of a line that cannot be read. `are_all_read`: whether every line that is there is one of
    `evaluations`.
    """
    epochs = _epochs(evaluations)
    last = max(epochs, default=0)
    num_absent = last - len(epochs - {0})
    said = []
    if num_absent:  # a damaged number may be of any size: only the first ones are listed
        absent = islice((epoch for epoch in range(1, last) if epoch not in epochs), _MOST_NAMED)
        more = f", and {num_absent - _MOST_NAMED:,} more" if num_absent > _MOST_NAMED else ""
        which = f"{'epochs' if num_absent > 1 else 'epoch'} {', '.join(map(str, absent))}{more}"
        said.append(f"has no line for {which}" if are_all_read else f"has no evaluation of {which} that can be read")
    if not evaluations and not are_all_read:
        said.append("has no evaluation that can be read")
    elif is_done and is_cut_off(recipe, evaluations) and not are_all_read:
        said.append(f"has no evaluation after epoch {last} that can be read")
    elif is_done and is_cut_off(recipe, evaluations):
        said.append(
            f"ends at epoch {last}, before the run did: the lines after it are lost"
            if epochs
            else "has no evaluation, though the run is finished: its lines are lost"
        )
    return " and ".join(said)


def is_cut_off(recipe: Mapping[str, Any], evaluations: Sequence[Mapping[str, Any]]) -> bool:
    """Whether `evaluations` of a run that has finished end before it did.

    They are all there where the last is of the last epoch or step that the recipe allows, or its patience was at an
    end. A recipe that does not say is taken to allow no more.
    """
    epochs, steps = _epochs(evaluations), [line["step"] for line in evaluations if _is_step(line.get("step"))]
    if max(epochs, default=0) >= _limit(recipe, "epochs", otherwise=0):
        return False
    if max(steps, default=0) >= _limit(recipe, "most_steps", otherwise=math.inf):
        return False
    try:
        return not is_out_of_patience(evaluations, _limit(recipe, "patience", otherwise=math.inf))
    except (KeyError, ValueError):  # a line without an error
        return True


def _epochs(evaluations: Sequence[Mapping[str, Any]]) -> set[int]:
    return {line["epoch"] for line in evaluations if _is_step(line.get("epoch"))}


def _limit(recipe: Mapping[str, Any], name: str, *, otherwise: float) -> float:
    try:
        return read_number(recipe.get(name, otherwise))
    except ValueError:
        return otherwise


def _is_step(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
