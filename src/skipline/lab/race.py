"""The Race tab: two nets on the same data, from the same seed, a step of both at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from skipline.lab.code import code_of_race
from skipline.lab.error import LabError
from skipline.lab.race_data import DATA, Batches, RaceData, race_data
from skipline.lab.racer import Racer
from skipline.lab.reading import Reader, one_of, positive, read_fields, whole
from skipline.lab.setup import Setup, read_net

MOST_STEPS = 5000
_FIELDS: Mapping[str, Reader] = {
    "a": read_net,
    "b": read_net,
    "data": one_of(DATA),
    "rate": positive(10),
    "batch": whole(2, 128),
}
_STANDARD: Mapping[str, Any] = {"a": Setup(), "b": Setup(), "data": "spirals", "rate": 0.05, "batch": 64}

Between = Callable[[], None]


class Race:
    """Two racers at the same step."""

    def __init__(self, data: RaceData, batches: Batches, racers: tuple[Racer, Racer], *, code: str) -> None:
        self.data = data
        self.batches = batches
        self.racers = racers
        self.code = code
        self.step = 0

    def advance(self, steps: int, *, between: Between) -> Iterator[dict[str, Any]]:
        """Go on for `steps` steps, and show each; `between` is called where both are at the same step."""
        for _ in range(steps):
            between()
            yield self.take_step(between=lambda: None)

    def take_step(self, *, between: Between) -> dict[str, Any]:
        """Both a step further, as the page shows them.

        `between` is called between two blocks, of the one net or the other. It may wait as long as it likes; a race
        that it ends by what it raises cannot go on.
        """
        if self.step >= MOST_STEPS:
            raise LabError(f"a race in the lab has {MOST_STEPS} steps; use skipline train for longer ones.")
        batch = self.batches.at(self.step)
        for racer in self.racers:
            racer.step(self.step, batch, between=between)
        self.step += 1
        return self.frame(between=between)

    def frame(self, *, between: Between) -> dict[str, Any]:
        """Both as they are; `between` as in `take_step`."""
        found: dict[str, Any] = {
            "part": "race",
            "step": self.step,
            "nets": [racer.frame(step=self.step, between=between) for racer in self.racers],
        }
        if self.step == 0:
            found["code"] = self.code
        if self.step == 0 and self.data.points is not None:
            points = [[round(x, 3), round(y, 3)] for x, y in self.data.points.tolist()]
            found |= {"points": points, "labels": self.data.labels.tolist()}
        return found


def race_of(request: Mapping[str, Any], *, between: Between) -> Race:
    """The race that a page asks for: `a`, `b`, `data`, `rate`, `batch`; raises `LabError` for what cannot be.

    `between` is called where a start can be left: before a net is built, behind it, and between the blocks of one that
    looks at data.
    """
    said = {**_STANDARD, **read_fields(request, _FIELDS, what="a race")}
    setups, name, rate = (said["a"], said["b"]), said["data"], said["rate"]
    for side, setup in zip("AB", setups, strict=True):
        if setup.unit == "linear":
            raise LabError(f"net {side} is linear and learns nothing here. Choose plain, residual or preact.")
    seed = setups[0].seed
    data = race_data(name, seed=seed)
    batches = Batches(data, size=said["batch"], seed=seed)
    first = batches.at(0)
    one, other = (Racer(setup, data, first, rate=rate, seed=seed, between=between) for setup in setups)
    return Race(data, batches, (one, other), code=code_of_race(*setups, data=name, rate=rate, batch_size=said["batch"]))
