"""A figure: panels that belong together, with their key and their words; on a page or as a file of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from skipline.report.html import page
from skipline.report.html.page import Key, Panel


@dataclass(frozen=True, kw_only=True)
class Figure:
    """`name` is its id: small letters, digits and hyphens. `label` names it in bold before the `caption`."""

    name: str
    label: str
    caption: str
    panels: tuple[Panel, ...]
    keys: tuple[Key, ...] = ()


def write_figure(figure: Figure) -> str:
    """`figure` as HTML, each panel with its numbers in a table that opens under it."""
    return page.figure(figure.panels, name=figure.name, label=figure.label, caption=figure.caption, keys=figure.keys)


def alone(panel: Panel, *, keys: tuple[Key, ...]) -> Figure:
    """`panel` as a figure of its own, named and captioned by what its chart says."""
    chart = panel.chart
    return Figure(
        name=_name(chart.title), label=f"{chart.title}.", caption=chart.description, panels=(panel,), keys=keys
    )


def _name(text: str) -> str:
    """Small letters, digits and hyphens, beginning with a letter, as an id and a file want them."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return name if re.match(r"[a-z]", name) else f"figure-{name}".rstrip("-")
