"""The page of a race: one net under many initialisers, who trains and who does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from skipline.report.html.page import Key, document, figure, header, paragraph, section
from skipline.report.html.provenance import making, written_by
from skipline.report.html.settings import settings_table
from skipline.report.html.table import Table, write_table
from skipline.report.html.text import html_text
from skipline.report.number import MISSING, count, counted, duration, number, percent
from skipline.report.race_curves import LOOKS, TOP, num_above, race_panels
from skipline.report.records.race import Race, StandingRecord, parse_race
from skipline.report.records.spread import Spread, spread
from skipline.signal.verdict import OUTCOMES, Outcome

_SIGNS: dict[Outcome, str] = {"trains": "✓", "degrades": "~", "undecided": "?", "fails": "✗"}


def race_report(study: Mapping[str, Any], *, where: str = "study.json") -> str:
    """Draw the race that `study` holds (the contents of `study.json`, version 1) as one HTML page.

    `where` is the file's name, for messages. Raises ReportError for another format or version, and for a field that
    is missing or does not fit.
    """
    race = parse_race(study, where=where)
    body = [
        _header(race),
        _results(race),
        _curves(race),
        *_left_out(race),
        making(race.command, race.seconds, _settings(race)),
    ]
    return document(
        title=f"Race of initialisers on {race.source}",
        body=body,
        made_by=written_by(race.environment),
    )


def _header(race: Race) -> str:
    net = race.network
    blocks = ", ".join(map(str, net.num_blocks))
    channels = ", ".join(map(str, net.channels))
    norm = "no norm" if net.norm == "none" else f"{net.norm} norm"
    num_seeds = len(race.standings[0].entrants)
    facts = (
        f"net: {net.unit}, exactly {count(net.depth)} layers ({blocks} blocks of {channels} channels), {norm}, "
        f"{net.activation}, {count(net.parameters)} parameters",
        f"data: {race.source}, {count(race.num_train)} training and {count(race.num_test)} test images",
        f"{counted(len(race.standings), 'initialiser', 'initialisers')}, {counted(race.steps, 'step', 'steps')}, "
        f"{counted(num_seeds, 'seed', 'seeds')}, in {duration(race.seconds)}",
        _rates(race),
    )
    return header(kind="skipline · race of initialisers", headline=race.sentence, facts=facts)


def _rates(race: Race) -> str:
    if len(race.rates) == 1:
        return f"one learning rate for all: {race.rates[0]:g}"
    return f"each at the best of the learning rates {', '.join(f'{rate:g}' for rate in race.rates)}"


def _results(race: Race) -> str:
    head = ["initialiser", "start loss", "end loss", "training error", "test error", "time"]
    if len(race.rates) > 1:
        head.insert(1, "rate")
    groups = tuple(
        (
            f"{_SIGNS[word]} {word}",
            tuple(_row(race, standing) for standing in race.ranked if standing.trainability == word),
        )
        for word in OUTCOMES
    )
    table = Table(
        caption=f"After {counted(race.steps, 'step', 'steps')}, the best first; means over the seeds that ended",
        head=tuple(head),
        groups=tuple((name, rows) for name, rows in groups if rows),
    )
    notes = [paragraph(race.rule), *_tried(race)]
    return section("How they ended", write_table(table, look="results"), *notes, name="results")


def _row(race: Race, standing: StandingRecord) -> tuple[str, ...]:
    entrants = standing.entrants
    starts = spread(entrant.start_loss for entrant in entrants)
    done = [entrant for entrant in entrants if entrant.status == "done"]
    cells = [
        standing.init,
        number(starts.mean) if starts.num else "not finite",
        _end_loss(standing),
        _percent(spread(entrant.train_error for entrant in done)),
        _percent(spread(entrant.test_error for entrant in done)),
        duration(spread(entrant.seconds for entrant in entrants).mean),
    ]
    if len(race.rates) > 1:
        cells.insert(1, f"{standing.learning_rate:g}")
    return tuple(cells)


def _percent(values: Spread) -> str:
    return percent(values.mean)


def _end_loss(standing: StandingRecord) -> str:
    """The mean loss at the end, and at which step seeds diverged."""
    lost = [count(entrant.num_steps) for entrant in standing.entrants if entrant.status == "diverged"]
    steps = f"diverged, step {', '.join(lost)}" if lost else ""
    mean = number(standing.final_loss.mean) if standing.final_loss.num else ""
    return f"{mean} ({steps})" if mean and steps else mean or steps or MISSING


def _tried(race: Race) -> Iterator[str]:
    if len(race.rates) == 1:
        yield paragraph(
            f"All have the learning rate {race.rates[0]:g}. Another rate may suit one of them better: --lr auto gives "
            "each the best of three."
        )
        return
    yield paragraph(
        "Each initialiser is shown with the rate at which its loss on the training images was lowest at the end, the "
        "mean over its seeds; a rate at which a seed diverged counts as infinite. Test images were not used for this."
    )
    rows = tuple((standing.init, *(number(tried.train_loss) for tried in standing.tried)) for standing in race.ranked)
    head = ("initialiser", *(f"rate {tried.learning_rate:g}" for tried in race.ranked[0].tried))
    table = Table(caption="Mean loss at the end, by learning rate", head=head, groups=(("", rows),))
    yield write_table(table, look="results")


def _curves(race: Race) -> str:
    keys = (
        *(Key(look=LOOKS[word], label=word, strokes=("solid",)) for word in OUTCOMES if _has(race, word)),
        *([Key(look="neutral", label="diverged here", markers=("cross",))] if _diverges(race) else []),
        *([Key(look="faint", label="the others", strokes=("solid",))] if len(race.standings) > 1 else []),
    )
    caption = (
        "The loss of each step's batch, before that step, one panel an initialiser, the best first. All panels share "
        "one scale; the first point is the loss before training, the others are means over a few steps. "
        f"The level line is guessing among {race.num_classes} classes, ln {race.num_classes}."
    )
    if num_above(race):
        caption += f" Losses above {number(TOP)} are drawn at that height."
    drawn = figure(race_panels(race), name="curve", label="Figure 1.", caption=caption, keys=keys)
    return section("Loss against step", drawn, name="curve-section")


def _has(race: Race, word: Outcome) -> bool:
    return any(standing.trainability == word for standing in race.standings)


def _diverges(race: Race) -> bool:
    return any(standing.num_diverged for standing in race.standings)


def _left_out(race: Race) -> Iterator[str]:
    rows = tuple((standing.init, standing.equation, standing.source) for standing in race.ranked)
    head = ("initialiser", "convolution weights W", "source")
    table = Table(caption="The initialisers and their sources", head=head, groups=(("", rows),), figures=False)
    parts = [write_table(table, look="results")]
    if race.left_out:
        items = "".join(f"<li>{html_text(f'{each.init}: {each.reason}')}</li>" for each in race.left_out)
        parts += [paragraph("Left out, because they cannot start this net:"), f'<ul class="prose">{items}</ul>']
    yield section("What was tried", *parts, name="initialisers")


def _settings(race: Race) -> tuple[Table, ...]:
    return settings_table(race.recipe, caption="Recipe of all"), settings_table(race.environment, caption="Environment")
