"""The page: one HTML document that loads nothing, and the parts it is put together from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from skipline.report.html.table import Table, write_table
from skipline.report.html.text import escape, html_text
from skipline.report.plot.chart import Chart, Marker, Stroke
from skipline.report.plot.drawing import draw
from skipline.report.plot.marker import swatch

# Nothing may load, run, be framed from or be sent anywhere; style stands in the page itself. W3C CSP level 3.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A chart and the table of its numbers."""

    chart: Chart
    data: Table


@dataclass(frozen=True, kw_only=True)
class Key:
    """One entry of a figure's key: how it is drawn (a line, a marker, an area), and what it is."""

    look: str
    label: str
    strokes: tuple[Stroke, ...] = ()
    markers: tuple[Marker, ...] = ()
    band: bool = False


def document(*, title: str, body: Iterable[str], made_by: str, sheets: Sequence[str] = ()) -> str:
    """Put the parts of `body` (HTML) together to one document; `title` and `made_by` are plain text.

    `sheets` are stylesheets beside those of every page, by name.
    """
    style = stylesheet("colours") + stylesheet("page") + stylesheet("chart")
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="referrer" content="no-referrer">',
            '<link rel="icon" href="data:,">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{style}{''.join(map(stylesheet, sheets))}</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            "</main>",
            f"<footer><p>{escape(made_by)}</p></footer>",
            "</body>",
            "</html>",
            "",
        )
    )


def stylesheet(name: str) -> str:
    """The text of `files/NAME.css`."""
    return (files("skipline.report") / "files" / f"{name}.css").read_text(encoding="utf-8")


def header(*, kind: str, headline: str, facts: Sequence[str]) -> str:
    """The top of a page: what kind of page, its sentence, and a line of facts."""
    line = "".join(f"<li>{html_text(fact)}</li>" for fact in facts)
    return (
        f'<header>\n<p class="kind">{escape(kind)}</p>\n<h1>{html_text(headline)}</h1>\n'
        f'<ul class="facts">{line}</ul>\n</header>'
    )


def section(heading: str, *parts: str, name: str) -> str:
    """A section under `heading` (plain text); `parts` are HTML and `name` is its id."""
    return (
        f'<section id="{name}" aria-labelledby="{name}-heading">\n<h2 id="{name}-heading">{escape(heading)}</h2>\n'
        + "\n".join(parts)
        + "\n</section>"
    )


def paragraph(text: str, *, look: str = "prose") -> str:
    """A paragraph of plain text."""
    return f'<p class="{look}">{html_text(text)}</p>'


def folded(summary: str, *parts: str) -> str:
    """Parts that open on a click on `summary` (plain text); on paper they are open."""
    return f'<details class="kept">\n<summary>{escape(summary)}</summary>\n' + "\n".join(parts) + "\n</details>"


def figure(panels: Sequence[Panel], *, name: str, label: str, caption: str, keys: Sequence[Key] = ()) -> str:
    """Panels side by side where there is room, with a key above and `label` (bold) and `caption` below.

    Each panel's numbers stand in a table that opens under it; the id of panel n is `name-n`.
    """
    entries = "".join(f"<li>{_drawn(key)}<span>{html_text(key.label)}</span></li>" for key in keys)
    key_list = f'<ul class="key" aria-label="Key">{entries}</ul>\n' if keys else ""
    drawn = "\n".join(
        f'<div class="panel">\n{draw(panel.chart, name=f"{name}-{index}")}\n'
        f'<details>\n<summary>Numbers<span class="unseen">: {html_text(panel.chart.title)}</span></summary>\n'
        f"{write_table(panel.data, look='data')}\n</details>\n</div>"
        for index, panel in enumerate(panels, start=1)
    )
    return (
        f'<figure id="{name}">\n{key_list}<div class="panels">\n{drawn}\n</div>\n'
        f"<figcaption><b>{escape(label)}</b> {html_text(caption)}</figcaption>\n</figure>"
    )


def _drawn(key: Key) -> str:
    return swatch(key.look, strokes=key.strokes, markers=key.markers, band=key.band)
