"""A condition on runs: `seed=1`, `error<0.1`, `optimiser.kind!=adamw`, `model~resnet`."""

from __future__ import annotations

import contextlib
import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from skipline.store.entry import FIELDS, RunEntry, Value
from skipline.wording import did_you_mean

_FORM = re.compile(r"\s*([\w.]+)\s*(<=|>=|!=|=|<|>|~)\s*(.*?)\s*")
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """`name` is a field or a setting's path; `~` asks whether `text` is in it, whatever the case."""

    name: str
    sign: str
    text: str

    def holds(self, run: RunEntry) -> bool:
        """Whether it holds of `run`; of a run without the value only `!=` does."""
        value = run.value(self.name)
        number = _number(self.text)
        if self.sign in _ORDERS:
            return isinstance(value, int | float) and _ORDERS[self.sign](value, number)
        if self.sign == "~":
            return value is not None and self.text.lower() in str(value).lower()
        return _is(value, self.text, number) == (self.sign == "=")


def parse_condition(text: str) -> Condition:
    """Raises ValueError that says what was expected."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a condition; expected NAME, one of = != < <= > >= ~, and a value: error<0.1")
    name, sign, value = found.groups()
    if sign in _ORDERS and _number(value) != _number(value):
        raise ValueError(f"{text!r} compares with {value!r}; {sign} expects a number, e.g. error{sign}0.1")
    return Condition(name, sign, value)


def check_name(name: str, runs: Iterable[RunEntry]) -> None:
    """Refuse a name that is no field, and no setting of any of `runs`; raises ValueError that has the closest."""
    known = {*FIELDS, "begun", *(setting for run in runs for setting in run.settings)}
    if name in known:
        return
    hint = did_you_mean(name, sorted(known))
    raise ValueError(
        f"no run has {name!r}.{hint} There are {', '.join(('begun', *FIELDS))}, and settings by their paths, such as "
        "optimiser.learning_rate."
    )


def _is(value: Value, text: str, number: float) -> bool:
    if isinstance(value, bool) or value is None:
        return str(value).lower() == text.lower()
    if isinstance(value, int | float):
        return value == number
    return value == text


def _number(text: str) -> float:
    """The number that `text` says, a whole one to its last digit; NaN where it says none."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return math.nan


def differing_settings(runs: Sequence[RunEntry]) -> dict[str, tuple[Value, ...]]:
    """The model, and the settings, that are not the same in all of `runs`: by path, one value a run."""
    names = dict.fromkeys(name for run in runs for name in run.settings)
    settings = {name: tuple(run.settings.get(name) for run in runs) for name in names}  # not how far a run has come
    values = {"model": tuple(run.model for run in runs), **settings}
    return {name: found for name, found in values.items() if len(set(map(repr, found))) > 1}
