"""The page of a study of deepening: does a net that grew while it was trained end better than a deep one?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from skipline.report.html.page import Key, Panel, document, figure, header, paragraph, section
from skipline.report.html.provenance import making, written_by
from skipline.report.html.settings import settings_table
from skipline.report.html.table import Table, thinned, write_table
from skipline.report.number import MISSING, count, counted, duration, number, percent
from skipline.report.plot.axis import Axis, linear_axis
from skipline.report.plot.chart import Band, Chart, Dots, Line, Mark, Marker, Stroke
from skipline.report.records.deepening import DeepeningStudy, WayRecord, parse_deepening
from skipline.report.records.spread import Spread, spread
from skipline.report.records.study import CurvePoint

MOST_ROWS = 60
_LOOKS: Mapping[str, tuple[str, Stroke, Marker]] = {
    "deep": ("net-a", "solid", "circle"),
    "deepened": ("net-b", "dashed", "square"),
    "shallow": ("net-c", "dotted", "triangle"),
}

_Pick = Callable[[CurvePoint], float]


def deepening_report(study: Mapping[str, Any], *, where: str = "study.json") -> str:
    """Draw the study that `study` holds (the contents of `study.json`, version 1) as one HTML page.

    `where` is the file's name, for messages. Raises ReportError for another format or version, and for a field that
    is missing or does not fit.
    """
    parsed = parse_deepening(study, where=where)
    settings = (
        settings_table(parsed.recipe, caption="Recipe"),
        settings_table(parsed.environment, caption="Environment"),
    )
    body = [_header(parsed), _results(parsed), _curves(parsed), making(parsed.command, parsed.seconds, settings)]
    return document(
        title=f"Study of deepening on {parsed.source}",
        body=body,
        made_by=written_by(parsed.environment),
    )


def _header(study: DeepeningStudy) -> str:
    num = len(study.ways[0].results)
    facts = (
        f"data: {study.source}, {count(study.num_train)} training and {count(study.num_test)} test images",
        f"{percent(study.share, places=0)} of the multiply-adds before the net grows",
        f"{counted(sum(len(way.results) for way in study.ways), 'training', 'trainings')}, "
        f"{counted(num, 'seed', 'seeds')}, in {duration(study.seconds)}",
    )
    return header(kind="skipline · study of deepening", headline=study.sentence, facts=facts)


def _results(study: DeepeningStudy) -> str:
    rows = tuple(
        (
            _told(way),
            count(way.epochs),
            f"{way.spent[-1]:.3f}",
            _spread_text(spread(each.train_loss for each in way.results), number),
            _spread_text(spread(each.train_error for each in way.results), percent),
            _spread_text(spread(each.test_error for each in way.results), percent),
            duration(spread(each.seconds for each in way.results).mean),
        )
        for way in study.ways
    )
    table = Table(
        caption="How each ended; mean ± sample standard deviation over the seeds that ended",
        head=("way", "epochs", "compute", "training loss", "training error", "test error", "time"),
        groups=(("", rows),),
    )
    lost = [(way.label, sum(each.status == "diverged" for each in way.results)) for way in study.ways]
    notes = [f"Of {label}, {counted(num, 'training', 'trainings')} diverged." for label, num in lost if num]
    note = (
        "Compute is in multiply-adds over those of the deep net; it differs from 1 where whole epochs do not divide "
        "it. For the same multiply-adds a shallower net makes more steps."
    )
    return section(
        "How they ended", write_table(table, look="results"), paragraph(note), *map(paragraph, notes), name="results"
    )


def _told(way: WayRecord) -> str:
    grows = f" (grows after epoch {', '.join(map(str, way.grows_after))})" if way.grows_after else ""
    return f"{way.label}{grows}"


def _spread_text(found: Spread, say: Callable[[float], str]) -> str:
    if not found.num:
        return MISSING
    return say(found.mean) + (f" ± {say(found.deviation)}" if found.num > 1 else "")


def _curves(study: DeepeningStudy) -> str:
    keys = (
        *(
            Key(look=look, label=way.label, strokes=(stroke,), markers=(marker,))
            for way in study.ways
            for look, stroke, marker in [_LOOKS[way.way]]
        ),
    )
    caption = (
        "Error against the multiply-adds spent, over those that the deep net spends in all. Lines are means over the "
        "seeds that ended, bands go from the lowest to the highest. Training errors are those of the batches as they "
        "went by."
    )
    panels = (
        _panel(study, "Training error", lambda point: point.train_error),
        _panel(study, "Test error", lambda point: point.test_error),
    )
    drawn = figure(panels, name="curve", label="Figure 1.", caption=caption, keys=keys)
    return section("Error against compute", drawn, name="curve-section")


def _panel(study: DeepeningStudy, title: str, pick: _Pick) -> Panel:
    found = {way.label: _by_epoch(way, pick) for way in study.ways}
    x = linear_axis([amount for way in study.ways for amount in way.spent], title="compute", round_ends=False)
    values = [100 * error for each in found.values() for s in each.values() for error in (s.low, s.high)]
    y = linear_axis(values or [0.0], title="error (%)")
    marks = [mark for way in study.ways for mark in _marks(way, found[way.label], title)]
    sentences = [_sentence(way, found[way.label]) for way in study.ways]
    chart = Chart(title=title, description=f"{title}. {' '.join(sentences)}", x=x, y=y, marks=tuple(marks))
    return Panel(chart=chart, data=_table(study, title, found, x))


def _by_epoch(way: WayRecord, pick: _Pick) -> dict[int, Spread]:
    """By epoch, over the seeds that ended; epochs that none of them knows are left out."""
    points = [point for each in way.results if each.status == "done" for point in each.curve]
    found = {epoch: spread(pick(p) for p in points if p.epoch == epoch) for epoch in sorted({p.epoch for p in points})}
    return {epoch: each for epoch, each in found.items() if each.num}


def _marks(way: WayRecord, found: Mapping[int, Spread], title: str) -> Iterator[Mark]:
    if not found:
        return
    look, stroke, marker = _LOOKS[way.way]
    at = {epoch: way.spent[epoch] for epoch in found}
    yield Band(points=tuple((at[e], 100 * s.low, 100 * s.high) for e, s in found.items()), look=look)
    yield Line(points=tuple((at[e], 100 * s.mean) for e, s in found.items()), look=look, stroke=stroke)
    last = max(found)
    name = f"{way.label}, epoch {last}: {title.lower()} {percent(found[last].mean)}"
    yield Dots(points=((at[last], 100 * found[last].mean),), names=(name,), look=look, marker=marker)


def _sentence(way: WayRecord, found: Mapping[int, Spread]) -> str:
    if not found:
        return f"{way.label}: no finished seed."
    first, last = (f"{percent(found[epoch].mean)} after epoch {epoch}" for epoch in (min(found), max(found)))
    return f"{way.label}: {first}, {last}."


def _table(study: DeepeningStudy, title: str, found: Mapping[str, Mapping[int, Spread]], x: Axis) -> Table:
    def rows(way: WayRecord) -> tuple[tuple[str, ...], ...]:
        each = found[way.label].items()
        return thinned(((count(e), f"{way.spent[e]:.3f}", percent(s.mean)) for e, s in each), most=MOST_ROWS)

    return Table(
        caption=f"{title} by epoch, mean of the seeds that ended",
        head=("epoch", x.title, title.lower()),
        groups=tuple((way.label, rows(way)) for way in study.ways if found[way.label]),
    )
