"""The numbers under a chart of signals: each site, predicted and measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

from skipline.report.html.table import Table, thinned
from skipline.report.number import MISSING, count, number
from skipline.report.records.net import NetRecord, SiteRecord

MOST_ROWS = 200  # of all nets together: a page of numbers; more rows say nothing that the chart does not


def signal_table(nets: Sequence[NetRecord], *, name: str, title: str) -> Table:
    """One row a site, in groups by net: the quantity `name` predicted, measured, and measured ÷ predicted."""
    known = [[site for site in net.sites if name in site.predicted or name in site.measured] for net in nets]
    most = max(2, MOST_ROWS // len(nets))
    total, shown = sum(map(len, known)), sum(min(len(sites), most) for sites in known)
    thin = "" if shown == total else f"; {count(shown)} of {count(total)} sites, evenly spaced"
    groups = tuple(
        (net.name if len(nets) > 1 else "", tuple(_row(site, name) for site in thinned(sites, most=most)))
        for net, sites in zip(nets, known, strict=True)
    )
    head = ("site", "predicted", "measured", "ratio")
    return Table(caption=f"{title} by site: measured ÷ predicted is the ratio{thin}", head=head, groups=groups)


def _row(site: SiteRecord, name: str) -> tuple[str, ...]:
    both = name in site.predicted and name in site.measured
    return (
        site.name,
        number(site.predicted[name]) if name in site.predicted else MISSING,
        number(site.measured[name]) if name in site.measured else MISSING,
        _ratio(site.measured[name], site.predicted[name]) if both else MISSING,
    )


def _ratio(measured: float, predicted: float) -> str:
    return number(measured / predicted) if predicted != 0 and math.isfinite(predicted) else MISSING
