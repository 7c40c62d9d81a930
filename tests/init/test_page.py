"""The page of initialisers has every scheme and every fit, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import skipline.init
from skipline.init import SCHEMES, parameterisations, start_named, start_names

PAGE = (Path(__file__).parents[2] / "docs" / "initialisers.md").read_text(encoding="utf-8")
SCHEME_TABLES, PARTS_TABLE = PAGE.split("## Parts of the description")


def rows_of(text: str) -> dict[str, str]:
    return {
        name: line
        for line in re.findall(r"^\| `.*$", text, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    }


ROWS, PARTS = rows_of(SCHEME_TABLES), rows_of(PARTS_TABLE)


def test_the_tables_have_every_name_and_no_other() -> None:
    assert sorted(ROWS) == sorted(start_names())


def test_every_function_that_changes_the_description_is_in_its_table_with_its_source() -> None:
    functions = {name: each for name, each in vars(parameterisations).items() if name.startswith("with_")}
    assert sorted(PARTS) == sorted(functions)
    assert set(PARTS) <= set(skipline.init.__all__)
    for name, line in PARTS.items():
        cited = set(re.findall(r"\d{4}\.\d{5}", line.split("|")[-2]))
        assert cited
        assert cited <= set(re.findall(r"\d{4}\.\d{5}", functions[name].__doc__)), name


def example(name: str) -> str:
    return name.replace("NUMBER", "0.05").replace("SCHEME", "he_fan_out_normal")


@pytest.mark.parametrize("name", ROWS)
def test_a_row_names_the_source_that_its_scheme_names(name: str) -> None:
    cited = set(re.findall(r"\d{4}\.\d{4,5}|pytorch#\d+", ROWS[name].split("|")[-2]))
    assert cited <= set(re.findall(r"\d{4}\.\d{4,5}|pytorch#\d+", start_named(example(name)).source))
    assert cited or name.startswith(("scaled_identity", "dirac", "lecun", "glorot", "metainit"))


def test_every_row_of_the_code_is_in_the_table() -> None:
    assert {scheme.name.partition("(")[0] for scheme in SCHEMES} <= {name.partition("(")[0] for name in ROWS}
