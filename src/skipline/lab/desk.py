"""A desk: what one page has asked for and is being worked on, such as its race."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from typing import Any

from skipline.lab.blocks import blocks
from skipline.lab.error import LabError
from skipline.lab.kept import Kept
from skipline.lab.pacer import Pacer, left_open
from skipline.lab.race import Race, race_of
from skipline.lab.reading import Reader, one_of, read_fields, whole
from skipline.lab.setup import Setup, read_setup
from skipline.lab.signals import Frame, blocks_of, signals, working
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
        self._step: Generator[Frame, None, Frame] | None = None  # of the race, begun and not yet taken
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
                yield from self._start(asked, between)
            case "advance":
                steps = read_fields(asked, _ADVANCE, what="a request to advance").get("steps", 1)
                yield from self._advance(steps, between)
            case _:
                yield from blocks(asked)

    def _start(self, asked: Mapping[str, Any], between: Callable[[], None]) -> Iterator[Frame]:
        self._race = None  # its memory, before the next one's
        if self._step is not None:
            self._step.close()
            self._step = None
        pacer = Pacer(between)

        def work() -> tuple[Race, Frame]:
            race = race_of(asked, between=pacer.between)
            return race, race.frame(between=pacer.between)

        self._race, frame = yield from pacer.run(work, show=lambda: working("Both nets are being built"))
        yield frame

    def _advance(self, steps: int, between: Callable[[], None]) -> Iterator[Frame]:
        if self._race is None:
            raise LabError("no race has been started here: the server may have been restarted. Start it again.")
        for _ in range(steps):
            between()
            yield (yield from self._stepped(self._race))

    def _stepped(self, race: Race) -> Generator[Frame, None, Frame]:
        """A step of both nets, or the rest of one: a newer request leaves it where it is, and the next goes on there.

        Ended in its midst it would leave one net ahead of the other.
        """
        if self._step is None:
            pacer = Pacer(lambda: None)
            work = partial(race.take_step, between=pacer.between)
            self._step = pacer.run(work, show=lambda: working(f"Step {race.step + 1}"))
        try:
            frame = yield from left_open(self._step)
        except Exception:
            self._step = None
            raise
        self._step = None
        return frame
