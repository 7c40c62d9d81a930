"""Tables as HTML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from skipline.report.text import escape, html_text


Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text under ``head``, in ``groups`` of a name and rows; a group with an empty name has no heading.

    The first cell of a row names it; the rest are figures where ``figures``, and words otherwise.

    ``caption`` says what the table holds, for a screen reader too.
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
    """Write ``table`` as HTML of class ``look``, in a box that scrolls sideways by itself where the screen is narrow."""
    heads = "".join(f'<th scope="col">{html_text(text)}</th>' for text in table.head)
    bodies = "\n".join(_body(name, rows, num_columns=len(table.head)) for name, rows in table.groups)
    kind = "figures" if table.figures else "words"
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(table.caption)}">\n'
        f'<table class="{look} {kind}">\n<caption><span>{html_text(table.caption)}</span></caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n{bodies}\n</table>\n</div>"
    )


def _body(name: str, rows: Rows, *, num_columns: int) -> str:
    heading = f'<tr class="group"><th scope="rowgroup" colspan="{num_columns}">{html_text(name)}</th></tr>\n'
    lines = "\n".join(
        f'<tr><th scope="row">{html_text(first)}</th>{"".join(f"<td>{html_text(text)}</td>" for text in rest)}</tr>'
        for first, *rest in rows
    )
    return f"<tbody>\n{heading if name else ''}{lines}\n</tbody>"


def settings_table(values: Mapping[str, Any], *, caption: str) -> Table:
    """A table of names and values; what lies deeper is named by its path, as in ``schedule.warmup``."""
    return Table(caption=caption, head=("name", "value"), groups=(("", tuple(_flat(values, prefix=""))),), figures=False)


def _flat(values: Mapping[str, Any], *, prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if name in ("format", "version") and not prefix:
            continue  # these say how the file is written, not what was set
        if isinstance(value, Mapping) and value:
            yield from _flat(value, prefix=f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _plain(value)


def _plain(value: object) -> str:
    if value is None or value == [] or value == {}:
        return "none"
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and not any(isinstance(part, Mapping | list | tuple) for part in value):
        return ", ".join(_plain(part) for part in value)
    return json.dumps(value, ensure_ascii=False, default=str)


def thinned(rows: Iterable[tuple[str, ...]], *, most: int) -> Rows:
    """At most ``most`` of ``rows``, evenly spaced, the first and the last among them."""
    kept = tuple(rows)
    if len(kept) <= most:
        return kept
    return tuple(kept[round(index * (len(kept) - 1) / (most - 1))] for index in range(most))
