"""One row of the table of architectures: a name, where it comes from, and how to describe it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from skipline.spec import Network

_HOLE = re.compile(r"\{[^}]*\}")
_NUMBER = "([1-9][0-9]{0,8})"  # each number can be written in one way; nine digits are more than any net can use


@dataclass(frozen=True, slots=True)
class Row:
    """A named architecture, or an open family of them.

    `name` is a name (`resnet50`), or a pattern with the open numbers in braces (`cifar_resnet{6n+2}`); `example` is a
    name that the row answers to. `source` is the paper, or the program where there is no paper. `num_classes` is the
    number in the source. `make(name, *numbers, num_classes=…, in_channels=…)` describes the network.
    """

    name: str
    example: str
    family: str
    source: str
    summary: str
    num_classes: int
    make: Callable[..., Network]

    def numbers_in(self, name: str) -> tuple[int, ...] | None:
        """The open numbers that `name` fills in; None if it is not a name of this row."""
        found = re.fullmatch(_HOLE.sub(_NUMBER, self.name), name)
        return None if found is None else tuple(map(int, found.groups()))

    def name_with(self, numbers: tuple[int, ...]) -> str | None:
        """The row's name with `numbers` filled in; None if it has more or fewer open numbers."""
        if len(_HOLE.findall(self.name)) != len(numbers):
            return None
        rest = iter(numbers)
        return _HOLE.sub(lambda _: str(next(rest)), self.name)
