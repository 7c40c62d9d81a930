"""Tables and settings as HTML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from skipline.report.html.settings import network_name, settings_table
from skipline.report.html.table import Table, thinned, write_table


def test_a_table_names_its_rows_and_columns(read: Callable[[str], Any]) -> None:
    groups = (("plain", (("8", "0 %"), ("20", "1 %"))), ("", (("56", "<b>"),)))
    root = read(write_table(Table(caption="Errors", head=("depth", "error"), groups=groups), look="results"))
    assert [(cell.attributes["scope"], cell.text) for cell in root.find("th")] == [
        ("col", "depth"),
        ("col", "error"),
        ("rowgroup", "plain"),
        ("row", "8"),
        ("row", "20"),
        ("row", "56"),
    ]
    assert [cell.text for cell in root.find("td")] == ["0\N{NO-BREAK SPACE}%", "1\N{NO-BREAK SPACE}%", "<b>"]
    assert root.find("caption")[0].words.split() == ["Errors"]
    assert root.find("div")[0].attributes["aria-label"] == "Errors"
    assert root.find("table")[0].attributes["class"] == "results figures"


def test_a_number_stays_on_one_line() -> None:
    table = Table(
        caption="", head=("name", "first", "second"), groups=(("", (("rate", "0.0125", "two words"),)),), figures=False
    )
    assert '<td class="whole">0.0125</td><td>two words</td>' in write_table(table, look="results")


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="table 'Errors': a row of 3 cells under 2 heads"):
        Table(caption="Errors", head=("a", "b"), groups=(("", (("1", "2", "3"),)),))


def test_settings_are_named_by_their_path() -> None:
    values = {
        "format": "skipline.recipe",
        "version": 1,
        "optimiser": {"kind": "sgd", "format": "kept", "decay": {"on": False}},
        "seeds": [0, 1],
        "milestones": [[1, 2]],
        "augment": [],
        "clip_norm": None,
        "patience": "Infinity",
        "rate": 0.0125 / 10,
        "network": {"name": "resnet20", "stages": [{"blocks": 3}]},
    }
    assert settings_table(values, caption="Recipe").groups[0][1] == (
        ("optimiser.kind", "sgd"),
        ("optimiser.format", "kept"),
        ("optimiser.decay.on", "false"),
        ("seeds", "0, 1"),
        ("milestones", "[[1, 2]]"),
        ("augment", "none"),
        ("clip_norm", "none"),
        ("patience", "none"),
        ("rate", "0.00125"),
        ("network", "resnet20"),
    )


def test_the_name_of_a_network() -> None:
    assert network_name({"network": {"name": "a"}}) == network_name({"network": "a"}) == "a"
    assert network_name({"network": {"name": 3}}) == network_name({}) == ""


def test_thinning_keeps_the_ends() -> None:
    rows = tuple((str(index),) for index in range(1001))
    kept = thinned(rows, most=5)
    assert kept == (("0",), ("250",), ("500",), ("750",), ("1000",))
    assert thinned(rows[:5], most=5) == rows[:5]
