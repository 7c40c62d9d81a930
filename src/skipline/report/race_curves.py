"""The curves of a race: loss against step, one panel an initialiser, all the others in grey behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from skipline.report.html.page import Panel
from skipline.report.html.table import Table, thinned
from skipline.report.number import count, counted, number, percent
from skipline.report.plot.axis import Axis, linear_axis, log_axis
from skipline.report.plot.chart import Chart, Dots, Line, Mark, Point, Rule
from skipline.report.records.race import EntrantRecord, Race, StandingRecord

LOOKS = {"trains": "trains", "degrades": "degrades", "undecided": "neutral", "fails": "stuck"}  # .fails is a claim's
MOST_POINTS = 60  # of a curve: more than a plot of 340 units can tell apart; the noise of single batches goes
MOST_ROWS = 25
TOP = 1e3  # losses above are drawn at this height: their size is in the table, and would press all else flat; guessed


def race_panels(race: Race) -> tuple[Panel, ...]:
    """Loss against step for each initialiser, the best first, on one scale; each seed is a line."""
    x = linear_axis([0, race.steps], title="step", whole=True, round_ends=False)
    guessing = math.log(race.num_classes)
    drawn = {standing.init: tuple(map(_curve, standing.entrants)) for standing in race.standings}
    finite = [y for curves in drawn.values() for curve in curves for _, y in curve if math.isfinite(y) and y > 0]
    y = log_axis([guessing, *finite], title="loss of a batch (nats, log scale)")
    return tuple(_panel(race, standing, drawn, x=x, y=y, guessing=guessing) for standing in race.ranked)


def num_above(race: Race) -> int:
    """How many of the initialisers have a loss somewhere that is drawn at `TOP` instead."""
    return sum(
        any(loss > TOP for entrant in standing.entrants for loss in entrant.losses if math.isfinite(loss))
        for standing in race.standings
    )


def _curve(entrant: EntrantRecord) -> tuple[Point, ...]:
    """The first loss as it is, then means over equally many steps each; nothing from where it is not finite."""
    (_, start), *rest = zip(entrant.steps, entrant.losses, strict=True)
    each = math.ceil(len(rest) / MOST_POINTS) or 1
    groups = (rest[index : index + each] for index in range(0, len(rest), each))
    means = [(_mean([step for step, _ in group]), _mean([loss for _, loss in group])) for group in groups]
    points = [(float(entrant.steps[0]), start), *means]
    return tuple((step, min(loss, TOP)) for step, loss in points if math.isfinite(loss) and loss > 0)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _panel(
    race: Race,
    standing: StandingRecord,
    drawn: dict[str, tuple[tuple[Point, ...], ...]],
    *,
    x: Axis,
    y: Axis,
    guessing: float,
) -> Panel:
    look = LOOKS[standing.trainability]
    marks: list[Mark] = [Rule(y=guessing, label="")]
    marks += [
        Line(points=curve, look="faint")
        for init, curves in drawn.items()
        if init != standing.init
        for curve in curves
        if curve
    ]
    for entrant, curve in zip(standing.entrants, drawn[standing.init], strict=True):
        marks += _marks(standing, entrant, curve, look=look)
    chart = Chart(title=standing.init, description=_sentence(standing), x=x, y=y, marks=tuple(marks), height=150)
    return Panel(chart=chart, data=_table(race, standing))


def _marks(standing: StandingRecord, entrant: EntrantRecord, curve: tuple[Point, ...], *, look: str) -> Iterator[Mark]:
    if not curve:
        return
    yield Line(points=curve, look=look)
    has_diverged = entrant.status == "diverged"
    end = f"diverged after {_steps(entrant)}" if has_diverged else f"loss {number(entrant.train_loss)}"
    name = f"{standing.init}, seed {entrant.seed}: {end}"
    yield Dots(points=curve[-1:], names=(name,), look=look, marker="cross" if has_diverged else "circle")


def _steps(entrant: EntrantRecord) -> str:
    return counted(entrant.num_steps, "step", "steps")


def _sentence(standing: StandingRecord) -> str:
    said = []
    for entrant in standing.entrants:
        start = f"seed {entrant.seed} starts at a loss of {number(entrant.start_loss)}"
        if entrant.status == "diverged":
            said.append(f"{start} and diverges after {_steps(entrant)}")
        else:
            said.append(f"{start} and ends at {number(entrant.train_loss)}, wrong on {percent(entrant.train_error)}")
    return f"{standing.init} {standing.trainability}: {'; '.join(said)}."


def _table(race: Race, standing: StandingRecord) -> Table:
    seeds = [dict(zip(entrant.steps, entrant.losses, strict=True)) for entrant in standing.entrants]
    steps = sorted({step for losses in seeds for step in losses})
    rows = ((count(step), *(number(losses[step]) if step in losses else "–" for losses in seeds)) for step in steps)
    return Table(
        caption=f"Loss of {standing.init} before a step, of {count(race.steps)}",
        head=("step", *(f"seed {entrant.seed}" for entrant in standing.entrants)),
        groups=(("", thinned(rows, most=MOST_ROWS)),),
    )
