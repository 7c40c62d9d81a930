"""The extras are those of pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from skipline.extras import EXTRAS, versions_of


def test_the_table_is_that_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {
        extra: tuple(re.split(r"[\[<>=~! ]", requirement)[0] for requirement in requirements)
        for extra, requirements in project["optional-dependencies"].items()
        if extra != "dev"
    }
    assert dict(EXTRAS) == named


def test_every_package_has_its_version_or_none() -> None:
    for extra, names in EXTRAS.items():
        found = versions_of(extra)
        assert tuple(found) == names
        assert all(version is None or version[0].isdigit() for version in found.values())
