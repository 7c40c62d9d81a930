"""The evaluations of a run, one a line of `metrics.jsonl`: read, and which of them are lost."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeGuard

from skipline.files import read_number, whole_lines
from skipline.store.patience import is_out_of_patience

_MOST_NAMED = 4  # epochs, in a sentence


def read_evaluations(path: Path) -> list[dict[str, Any]]:
    """The whole lines of `metrics.jsonl`, each with its `step`; a torn last line is none.

    Raises ValueError that names a line which is no evaluation.
    """
    if not path.exists():
        return []
    whole, _is_cut_short = whole_lines(path)
    lines: list[dict[str, Any]] = []
    for number, text in enumerate(whole, start=1):
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            line = None
        if not isinstance(line, dict) or not _is_step(line.get("step")):
            raise ValueError(f"{path.name}, line {number}, is no evaluation")
        lines.append(line)
    return lines


def lost_evaluations(recipe: Mapping[str, Any], evaluations: Sequence[Mapping[str, Any]], *, is_done: bool) -> str:
    """Which lines of `metrics.jsonl` are lost, as a sentence without its full stop; "" where none is known to be.

    `recipe` is what `resolved.json` holds. A run writes a line an epoch, so that a number that is passed over is lost.
    """
    epochs = _epochs(evaluations)
    last = max(epochs, default=0)
    num_absent = last - len(epochs - {0})
    said = []
    if num_absent:  # a damaged number may be of any size: only the first ones are listed
        absent = islice((epoch for epoch in range(1, last) if epoch not in epochs), _MOST_NAMED)
        more = f", and {num_absent - _MOST_NAMED:,} more" if num_absent > _MOST_NAMED else ""
        which = "epochs" if num_absent > 1 else "epoch"
        said.append(f"has no line for {which} {', '.join(map(str, absent))}{more}")
    if is_done and is_cut_off(recipe, evaluations):
        said.append(
            f"ends at epoch {last}, before the run did: the lines after it are lost"
            if epochs
            else "has no evaluation, though the run is finished: its lines are lost"
        )
    return f"metrics.jsonl {' and '.join(said)}" if said else ""


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
