"""The table of named architectures, and the network that a name means."""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import Literal

from skipline.spec import Network, SpecError
from skipline.wording import shown
from skipline.zoo import antialiased, attentive, photographs, preactivated, thumbnails
from skipline.zoo.row import Row, filled

_LONGEST_NAME = 60  # characters of an unknown name that are looked at: guessed, longer than any row's name
_NUM_SUGGESTIONS = 3  # guessed: more are no help
_LEAST_LIKENESS = 0.7  # of a suggestion: guessed; 'cifar56' still finds 'cifar_resnet56'
_BONUS = 0.2  # guessed: puts cifar_resnet56 before resnet50 for 'resnet56'


@cache
def models() -> tuple[Row, ...]:
    """Every row of the table: fixed names, and patterns such as `cifar_resnet{6n+2}` with an example each."""
    return (
        *photographs.rows(),
        *attentive.rows(),
        *antialiased.rows(),
        *preactivated.rows(),
        *thumbnails.rows(),
    )


def describe(
    name: str, *, num_classes: int | Literal["as published"] = "as published", in_channels: int = 3
) -> Network:
    """The network called `name`, e.g. `resnet50`, `cifar_resnet110`, `cifar_wrn28_10`.

    `num_classes` "as published" is 1000 for the networks for photographs and 10 for the others; `in_channels` is 3
    for colour images and 1 for grey ones. Raises `SpecError` for a name that is not in the table, naming the closest
    ones, and for a depth that its family does not have, naming the nearest.
    """
    if not isinstance(name, str):
        raise SpecError(
            f"a model's name is text, e.g. 'resnet50', and {shown(name)} came. `skipline models` lists all."
        )
    row = _row_of(name)
    if row is None:
        close = _close_names(name)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise SpecError(f"there is no model {shown(name)}.{hint} `skipline models` lists all.")
    classes = row.num_classes if num_classes == "as published" else num_classes
    try:
        return row.network(name, num_classes=classes, in_channels=in_channels)
    except SpecError as error:
        raise SpecError(f"{name}: {error}") from None


def _row_of(name: str) -> Row | None:
    return next((row for row in models() if row.has(name)), None)


def _close_names(name: str) -> list[str]:
    """The valid names most like `name`, best first; an open family takes part with the numbers that `name` has."""
    wanted = name[:_LONGEST_NAME]
    numbers = _numbers(wanted)
    open_names = {filled(row.name, numbers) for row in models() if row.num_open == len(numbers) > 0}
    candidates = sorted({row.example for row in models()} | {name for name in open_names if _exists(name)})
    same = [candidate for candidate in candidates if _letters(candidate) == _letters(wanted)]
    if same:
        return same
    likeness = {candidate: _likeness(wanted, candidate) for candidate in candidates}
    close = [candidate for candidate in candidates if likeness[candidate] >= _LEAST_LIKENESS]
    return sorted(close, key=lambda candidate: -likeness[candidate])[:_NUM_SUGGESTIONS]


def _likeness(wanted: str, candidate: str) -> float:
    """difflib's ratio, and more for a name that has the same numbers or goes on where `wanted` ends."""
    letters, begun = _letters(candidate), _letters(wanted)
    ratio = difflib.SequenceMatcher(None, begun, letters).ratio()
    return ratio + _BONUS * (_numbers(candidate) == _numbers(wanted)) + _BONUS * letters.startswith(begun)


def _letters(name: str) -> str:
    """`name` without what people write in different ways."""
    return name.lower().replace("-", "").replace("_", "")


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", name))


def _exists(name: str) -> bool:
    if _row_of(name) is None:
        return False
    try:
        describe(name)
    except SpecError:
        return False
    return True
