"""A desk: what one page has asked for and is being worked on, such as its race."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from skipline.lab.blocks import blocks
from skipline.lab.error import LabError
from skipline.lab.kept import Kept
from skipline.lab.pacer import Pacer
from skipline.lab.race import Race, race_of
from skipline.lab.reading import Reader, one_of, read_fields, whole
from skipline.lab.setup import Setup, read_setup
from skipline.lab.signals import Frame, blocks_of, signals
from skipline.wording import shown

MOST_ADVANCE = 50  # steps that one request may ask for
_OWN = ("id", "kind")  # of every request: which it is and what it asks for, beside the fields of its kind
_KIND = one_of(("signals", "race", "advance", "blocks"))
_SIGNALS: Mapping[str, Reader] = {"setup": read_setup}
_ADVANCE: Mapping[str, Reader] = {"steps": whole(1, MOST_ADVANCE)}


class Desk:
    """Answers the requests of one page, one after the other; it keeps one race between them."""

    def __init__(self) -> None:
        self._race: Race | None = None
        self._kept = Kept()

    def answer(self, request: Any, *, between: Callable[[], None]) -> Iterator[Frame]:
        """The frames of the answer; raises `LabError` for a request that is not understood."""
        if not isinstance(request, Mapping):
            raise LabError(f"a request is an object; got {shown(request)}.")
        kind = _KIND("a request's kind", request.get("kind"))
        asked = {key: value for key, value in request.items() if key not in _OWN}
        match kind:
            case "signals":
                setup = read_fields(asked, _SIGNALS, what="a request for signals").get("setup", Setup())
                blocks_of(setup)
                yield from signals(setup, kept=self._kept, between=between)
            case "race":
                self._race = None  # its memory, before the next one's
                pacer = Pacer(between)
                work = partial(race_of, asked, between=pacer.between)
                self._race = yield from pacer.run(work, show=lambda: {"part": "working", "says": "the nets start"})
                yield self._race.frame(is_read=True)
            case "advance":
                steps = read_fields(asked, _ADVANCE, what="a request to advance").get("steps", 1)
                yield from self._advance(steps, between)
            case _:
                yield from blocks(asked)

    def _advance(self, steps: int, between: Callable[[], None]) -> Iterator[Frame]:
        if self._race is None:
            raise LabError("no race has been started here: the server may have been restarted. Start it again.")
        yield from self._race.advance(steps, between=between)
