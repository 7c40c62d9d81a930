"""A figure: panels that belong together, with their key and their words; on a page or as a file of its own."""

from __future__ import annotations

from dataclasses import dataclass

from skipline.report import page
from skipline.report.page import Key, Panel


@dataclass(frozen=True, kw_only=True)
class Figure:
    """``name`` is its id: small letters, digits and hyphens. ``label`` names it in bold before the ``caption``."""

    name: str
    label: str
    caption: str
    panels: tuple[Panel, ...]
    keys: tuple[Key, ...] = ()


def write_figure(figure: Figure) -> str:
    """``figure`` as HTML, each panel with its numbers in a table that opens under it."""
    return page.figure(figure.panels, name=figure.name, label=figure.label, caption=figure.caption, keys=figure.keys)
