"""How a page was made: the section that ends that of a study, and the line below every one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from skipline.report.html.page import folded, paragraph, section
from skipline.report.html.table import Table, write_table
from skipline.report.html.text import escape
from skipline.report.number import duration


def making(command: str, seconds: float, settings: Iterable[Table]) -> str:
    """The command that wrote the page, how long it took, and its settings and environment as tables."""
    return section(
        "Command, settings and environment",
        paragraph(f"This command created the page in {duration(seconds)}:"),
        f"<pre><code>{escape(command)}</code></pre>",
        folded(
            "Show all settings and the environment",
            '<div class="settings">',
            *(write_table(table, look="settings-table") for table in settings),
            "</div>",
        ),
        name="making",
    )


def written_by(environment: Mapping[str, Any]) -> str:
    """The line below a page whose numbers were made in `environment`, as `environment.json` has it."""
    return f"Written by skipline {environment.get('skipline', '')}".strip() + "."
