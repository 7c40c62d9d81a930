"""The page that explains the house tells the truth: its rows, its files, and every name in code that it has."""

from __future__ import annotations

import re
from pathlib import Path

from .house_rules import PACKAGE, ROOT, ROWS
from .sources import owner_of, parsed

PAGE = ROOT / "docs" / "architecture.md"
FILE = r"`([\w/]+\.py)`"


def page_rows(page: str) -> tuple[tuple[str, ...], ...]:
    """The table of rows as a page of Markdown has it, lowest row first: ``| 0 | `seeds` `spec` | … |``."""
    lines = re.findall(r"^\| (\d+) \| ([^|]+)", page, re.MULTILINE)
    return tuple(tuple(re.findall(r"`(\w+)`", names)) for _, names in sorted(lines, key=lambda line: int(line[0])))


def page_complaints(page: str, package: Path) -> list[str]:
    """Files that the page names and that are not there, and packages that are there and that it does not name."""
    named = {*re.findall(FILE, page)}
    dead = [f"names {name}, which is not there" for name in sorted(named) if place_of(name, package) is None]
    tops = {owner_of(file) for file, _ in parsed(package)} - {"__init__", "__main__"}
    said = {*re.findall(r"`(\w+)(?:\.py|/)?`", page)}
    return dead + [f"does not name {name}" for name in sorted(tops - said)]


def name_complaints(page: str, package: Path) -> list[str]:
    """Names in code, `` `shortcut_of` ``, that are in none of the files that the same line of the page names.

    On a line without files a name may be a package of a row, or stand anywhere in the package.
    """
    rows = {name for names in page_rows(page) for name in names}
    everywhere = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    complaints: list[str] = []
    for line in page.splitlines():
        files = [path for path in (place_of(name, package) for name in re.findall(FILE, line)) if path]
        text = "\n".join(path.read_text(encoding="utf-8") for path in files) if files else everywhere
        where = ", ".join(path.name for path in files) or "the package"
        for name in re.findall(r"`([A-Za-z_]\w*)`", line):
            if name not in rows and not re.search(rf"\b{name}\b", text):
                complaints.append(f"names {name}, which is not in {where}")
    return complaints


def citation_complaints(package: Path) -> list[str]:
    """Files and folders that sources cite and that are not there, as in "the Γ-law of theory/residual_growth"."""
    tops = "|".join(sorted(path.parent.name for path in package.glob("*/__init__.py")))
    citation = re.compile(rf"(?<![\w./-])((?:{tops})(?:/\w+)+(?:\.\w+)?)")
    return [
        f"{file.relative_to(package).as_posix()} cites {cited}"
        for file in sorted(package.rglob("*.py"))
        for cited in citation.findall(file.read_text(encoding="utf-8"))
        if not (package / cited).exists() and not (package / f"{cited}.py").is_file()
    ]


def place_of(name: str, package: Path) -> Path | None:
    """The file that the page means by `name`: in the package, or from the top of the project."""
    return next((path for path in (package / name, ROOT / name) if path.is_file()), None)


def test_the_page_tells_the_truth() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page_rows(page) == ROWS
    assert page_complaints(page, PACKAGE) == []
    assert name_complaints(page, PACKAGE) == []


def test_the_sources_cite_files_that_are_there() -> None:
    assert citation_complaints(PACKAGE) == []


def write(folder: Path, **sources: str) -> Path:
    """A small package: `write(folder, nn="x = 1")` has nn/net.py."""
    for name, source in sources.items():
        (folder / name).mkdir()
        (folder / name / "net.py").write_text(source, encoding="utf-8")
    return folder


def test_a_page_that_lies_is_seen(tmp_path: Path) -> None:
    page = (
        "| row | names |\n| --- | --- |\n| 1 | `zoo` | x |\n| 0 | `seeds` `spec` | y |\n\n`nn/gone.py` and `nn/net.py`"
    )
    assert page_rows(page) == (("seeds", "spec"), ("zoo",))
    package = write(tmp_path, nn="", zoo="")
    assert page_complaints(page, package) == ["names nn/gone.py, which is not there", "does not name nn"]


def test_a_name_that_is_not_where_the_page_says_is_seen(tmp_path: Path) -> None:
    package = write(tmp_path, nn="def here(): ...", zoo="there = 1")
    page = "`nn/net.py` has `here` and `there`\n`zoo/net.py` has `there`\n`here`, `there`, `nowhere`"
    assert name_complaints(page, package) == [
        "names there, which is not in net.py",
        "names nowhere, which is not in the package",
    ]


def test_a_citation_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    package = write(tmp_path, nn="# nn/net.py, nn/net, nn/gone and nn/inner/gone.py; see nn/inner. Not ours: src/nn/x")
    (package / "nn" / "__init__.py").touch()
    (package / "nn" / "inner").mkdir()
    assert citation_complaints(package) == ["nn/net.py cites nn/gone", "nn/net.py cites nn/inner/gone.py"]
