"""The figure of a sweep of learning rates: the loss against the rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from skipline.report.html.page import Key, Panel, section
from skipline.report.html.table import Table
from skipline.report.number import number
from skipline.report.plot.axis import linear_axis, log_axis
from skipline.report.plot.chart import Chart, Dots, Line, Mark, Post
from skipline.report.plot.figure import Figure, write_figure
from skipline.report.records.rate_sweep import NAME, RateSweepRecord, read_rate_sweep


def rate_section(run: Path) -> Iterator[str]:
    """The section on how the rate of the run in the folder `run` was found; nothing where it was given.

    Raises ReportError that names the file, for a file that is broken or of another version.
    """
    if (run / NAME).is_file():
        record = read_rate_sweep(run / NAME)
        yield section("Learning-rate range test", write_figure(rate_figure(record)), name="rate")


def rate_figure(record: RateSweepRecord) -> Figure:
    """The loss of each batch and its smoothed course against the rate; the rate that is suggested as an upright line.

    Losses of single batches above all of the smoothed ones are drawn at the top: their size is in the table.
    """
    smoothed = tuple(zip(record.rates, record.smoothed, strict=True))
    top = max((loss for loss in record.smoothed if math.isfinite(loss)), default=1.0)
    losses = tuple((rate, min(loss, top)) for rate, loss in zip(record.rates, record.losses, strict=True))
    names = tuple(
        f"rate {number(rate)}: loss {number(loss)}" for rate, loss in zip(record.rates, record.losses, strict=True)
    )
    marks: list[Mark] = [
        Dots(points=losses, names=names, look="neutral", marker="point"),
        Line(points=smoothed, look="training"),
    ]
    if math.isfinite(record.suggestion):
        marks.append(Post(x=record.suggestion, label=number(record.suggestion, digits=2)))
    chart = Chart(
        title="Loss against learning rate",
        description=f"{record.sentence[:1].upper()}{record.sentence[1:]}.",
        x=log_axis(record.rates or (1.0,), title="learning rate (log scale)"),
        y=linear_axis(record.smoothed, title="loss of a batch (nats)"),
        marks=tuple(marks),
    )
    rows = tuple(
        (number(rate), number(loss), number(smooth))
        for rate, loss, smooth in zip(record.rates, record.losses, record.smoothed, strict=True)
    )
    table = Table(caption="Loss by learning rate", head=("learning rate", "loss", "smoothed"), groups=(("", rows),))
    return Figure(
        name="rate-sweep",
        label="The sweep.",
        caption="Each step of a copy of the run, which was thrown away, had a higher rate than the one before; the "
        "upright line is the rate that was taken. " + chart.description,
        panels=(Panel(chart=chart, data=table),),
        keys=(
            Key(look="training", label="mean of neighbouring batches", strokes=("solid",)),
            Key(look="neutral", label="a batch", markers=("point",)),
        ),
    )
