"""A desk: what one page has asked for and is being worked on, such as its race."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from skipline.lab.blocks import blocks
from skipline.lab.error import LabError
from skipline.lab.kept import Kept
from skipline.lab.pacer import Pacer
from skipline.lab.race import Race, race_of
from skipline.lab.setup import setup_of
from skipline.lab.signals import Frame, blocks_of, signals

KINDS = ("signals", "race", "advance", "blocks")
MOST_ADVANCE = 50  # steps that one request may ask for


class Desk:
    """Answers the requests of one page, one after the other; it keeps one race between them."""

    def __init__(self) -> None:
        self._race: Race | None = None
        self._kept = Kept()

    def answer(self, request: Any, *, between: Callable[[], None]) -> Iterator[Frame]:
        """The frames of the answer; raises `LabError` for a request that is not understood."""
        kind = request.get("kind") if isinstance(request, dict) else None
        match kind:
            case "signals":
                setup = setup_of(request.get("setup", {}))
                blocks_of(setup)
                yield from signals(setup, kept=self._kept, between=between)
            case "race":
                self._race = None  # its memory, before the next one's
                pacer = Pacer(between)
                work = partial(race_of, request, between=pacer.between)
                self._race = yield from pacer.run(work, show=lambda: {"part": "working", "says": "the nets start"})
                yield self._race.frame(is_read=True)
            case "advance":
                yield from self._advance(request, between)
            case "blocks":
                yield from blocks(request)
            case _:
                raise LabError(f"a request's kind is {kind!r}; expected {', '.join(KINDS)}.")

    def _advance(self, request: Any, between: Callable[[], None]) -> Iterator[Frame]:
        steps = request.get("steps", 1)
        if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= MOST_ADVANCE:
            raise LabError(f"steps is {steps!r}; expected a whole number from 1 to {MOST_ADVANCE}.")
        if self._race is None:
            raise LabError("no race has been started here: the server may have been restarted. Start it again.")
        yield from self._race.advance(steps, between=between)
