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
    number in the source and `image_size` the side of its images in pixels. `make(name, *numbers, num_classes=…,
    in_channels=…)` describes the network.

    `peers` are the same network, `example` where the name is open, in other libraries: `timm:` and `torchvision:` with
    the name that `create_model` and `get_model` take, `transformers:` with the published configuration and, behind a
    plus, the option of it that is on.
    """

    name: str
    example: str
    family: str
    source: str
    summary: str
    num_classes: int
    image_size: int
    make: Callable[..., Network]
    peers: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether `name` is a name of this row."""
        return self._match(name) is not None

    def numbers_in(self, name: str) -> tuple[int, ...]:
        """The open numbers that `name`, which the row has, fills in."""
        found = self._match(name)
        assert found is not None, f"{name} is no {self.name}"
        return tuple(map(int, found.groups()))

    def network(self, name: str, *, num_classes: int, in_channels: int = 3) -> Network:
        """What `name`, which the row has, describes; raises `SpecError` for a depth that the family does not have."""
        return self.make(name, *self.numbers_in(name), num_classes=num_classes, in_channels=in_channels)

    @property
    def num_open(self) -> int:
        """How many numbers the name leaves open."""
        return len(_HOLE.findall(self.name))

    def _match(self, name: str) -> re.Match[str] | None:
        return re.fullmatch(_HOLE.sub(_NUMBER, self.name), name)


def filled(pattern: str, numbers: tuple[int, ...]) -> str:
    """`pattern` with `numbers` for its braces, in order; there are as many."""
    rest = iter(numbers)
    return _HOLE.sub(lambda _: str(next(rest)), pattern)
