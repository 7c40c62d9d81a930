"""How a page of a study was made: the section that ends it."""

from __future__ import annotations

from collections.abc import Iterable

from skipline.report.number import duration
from skipline.report.page import paragraph, section
from skipline.report.table import Table, write_table
from skipline.report.text import escape


def making(command: str, seconds: float, settings: Iterable[Table]) -> str:
    """The command that wrote the page, how long it took, and its settings and environment as tables."""
    return section(
        "How this was made",
        paragraph(f"This command wrote the page, in {duration(seconds)}:"),
        f"<pre><code>{escape(command)}</code></pre>",
        '<div class="settings">',
        *(write_table(table, look="settings-table") for table in settings),
        "</div>",
        name="making",
    )
