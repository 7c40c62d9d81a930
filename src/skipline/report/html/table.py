"""Tables as HTML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from skipline.report.html.text import escape, html_text

T = TypeVar("T")
Rows = tuple[tuple[str, ...], ...]
_WHOLE = 12  # letters: among words, a number or word no longer than this is never broken; guessed


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text under `head`, in `groups` of a name and rows; a group with an empty name has no heading.

    The first cell of a row names it; the rest are figures where `figures`, and words otherwise.

    `caption` says what the table holds, for a screen reader too.
    """

    caption: str
    head: tuple[str, ...]
    groups: tuple[tuple[str, Rows], ...]
    figures: bool = True

    def __post_init__(self) -> None:
        for row in (row for _, rows in self.groups for row in rows):
            if len(row) != len(self.head):
                raise ValueError(f"table {self.caption!r}: a row of {len(row)} cells under {len(self.head)} heads")


def write_table(table: Table, *, look: str) -> str:
    """Write `table` as HTML of class `look`, in a box that scrolls sideways where the screen is narrow."""
    heads = "".join(f'<th scope="col">{html_text(text)}</th>' for text in table.head)
    bodies = "\n".join(
        _body(name, rows, num_columns=len(table.head), figures=table.figures) for name, rows in table.groups
    )
    kind = "figures" if table.figures else "words"
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(table.caption)}">\n'
        f'<table class="{look} {kind}">\n<caption><span>{html_text(table.caption)}</span></caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n{bodies}\n</table>\n</div>"
    )


def _body(name: str, rows: Rows, *, num_columns: int, figures: bool) -> str:
    heading = f'<tr class="group"><th scope="rowgroup" colspan="{num_columns}">{html_text(name)}</th></tr>\n'
    lines = "\n".join(
        f'<tr><th scope="row">{html_text(first)}</th>{"".join(_cell(text, figures=figures) for text in rest)}</tr>'
        for first, *rest in rows
    )
    return f"<tbody>\n{heading if name else ''}{lines}\n</tbody>"


def _cell(text: str, *, figures: bool) -> str:
    look = ' class="whole"' if not figures and len(text) <= _WHOLE and " " not in text else ""
    return f"<td{look}>{html_text(text)}</td>"


def markdown_table(table: Table) -> str:
    """Write `table` as Markdown under its caption; the name of a group stands in a row of its own."""
    rule = ("---", *("---:" if table.figures else "---" for _ in table.head[1:]))
    lines = [_markdown_row(table.head), _markdown_row(rule)]
    for name, rows in table.groups:
        if name:
            lines.append(_markdown_row((f"**{_markdown(name)}**", *("" for _ in table.head[1:]))))
        lines += [_markdown_row(tuple(map(_markdown, row))) for row in rows]
    return f"{table.caption}:\n\n" + "\n".join(lines)


def _markdown_row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown(text: str) -> str:
    return text.replace("|", "\\|")


def thinned(rows: Iterable[T], *, most: int) -> tuple[T, ...]:
    """At most `most` of `rows`, evenly spaced, the first and the last among them."""
    kept = tuple(rows)
    if len(kept) <= most:
        return kept
    return tuple(kept[round(index * (len(kept) - 1) / (most - 1))] for index in range(most))
