"""The document: it loads nothing and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skipline.report import depth_report, diagnosis_page, run_report
from skipline.report.html.provenance import written_by
from skipline.report.phase import PhaseRecord
from skipline.report.records.diagnosis import DiagnosisRecord

# What makes a browser fetch something, by element; a page of ours has none of it but the empty icon.
LOADING = {"src", "href", "srcset", "data", "poster", "action", "formaction", "background", "xlink:href", "ping"}


def complaints(root: Any, html: str) -> list[str]:
    """What in a page loads, runs or cannot be told to a screen reader."""
    said = []
    for element in root.find("*"):
        for name, value in element.attributes.items():
            if name in LOADING and value != "data:,":
                said.append(f"<{element.tag} {name}={value}> loads")
            if name.startswith("on") or name == "style":
                said.append(f"<{element.tag} {name}> runs or styles in place")
        if element.tag in (
            "script",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "img",
            "image",
            "use",
            "audio",
            "video",
        ):
            said.append(f"<{element.tag}>")
    said += [f"{found} in the text" for found in re.findall(r"https?:|@import|url\((?!#)|javascript:", html)]
    ids = [element.attributes["id"] for element in root.find("*") if "id" in element.attributes]
    said += [f"id {name} twice" for name in set(ids) if ids.count(name) > 1]
    for svg in root.find("svg"):
        hidden = svg.attributes.get("aria-hidden") == "true"
        told = [child.tag for child in svg.children[:2]] == ["title", "desc"] and all(c.text for c in svg.children[:2])
        if not hidden and not (told and svg.attributes.get("role") == "img"):
            said.append("a drawing without role, title and description")
    references = [name for e in root.find("*") for name in e.attributes.get("aria-labelledby", "").split()]
    said += [f"label {name} is not there" for name in references if name not in ids]
    return said


@pytest.fixture(params=["study", "diverged", "run", "watched", "diagnosis"])
def page(
    request: pytest.FixtureRequest,
    study: dict[str, Any],
    run_folder: Callable[..., Path],
    layers: Callable[[int], str],
    three: tuple[DiagnosisRecord, ...],
    phases: PhaseRecord,
) -> str:
    """Each of the pages in turn."""
    match request.param:
        case "run":
            return run_report(run_folder({"DONE": ""}))
        case "watched":
            return run_report(run_folder({"DONE": "", "layers.jsonl": layers(20)}))
        case "diagnosis":
            return diagnosis_page(three, headline="h", facts=(), phases=(phases,), settings={"a": 1}, made_by="us")
        case kind:
            return depth_report(request.getfixturevalue("diverged_study") if kind == "diverged" else study)


def test_a_page_contains_itself(page: str, read: Callable[[str], Any]) -> None:
    assert complaints(read(page.removeprefix("<!doctype html>")), page) == []


@pytest.mark.parametrize(
    ("piece", "complaint"),
    [
        ("<script>x</script>", "<script>"),
        ('<p style="a">x</p>', "<p style> runs or styles in place"),
        ('<p onclick="a">x</p>', "<p onclick> runs or styles in place"),
        ('<a href="/x">x</a>', "<a href=/x> loads"),
        ("<p>http:</p>", "http: in the text"),
        ("<style>a { b: url(c) }</style>", "url( in the text"),
        ('<p id="a"></p><p id="a"></p>', "id a twice"),
        ("<svg><title>x</title></svg>", "a drawing without role, title and description"),
        ('<p aria-labelledby="a">x</p>', "label a is not there"),
    ],
)
def test_the_check_can_fail(piece: str, complaint: str, read: Callable[[str], Any]) -> None:
    assert complaint in complaints(read(piece), piece)


def test_the_policy_allows_nothing_but_style(page: str, read: Callable[[str], Any]) -> None:
    metas = [element.attributes for element in read(page).find("meta")]
    (policy,) = [meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "style-src 'unsafe-inline'" in policy
    assert {"charset": "utf-8"} in metas
    assert read(page).find("html")[0].attributes["lang"] == "en"


def test_headings_and_tables(page: str, read: Callable[[str], Any]) -> None:
    root = read(page)
    assert (
        len(root.find("h1"))
        == len(root.find("main"))
        == len(root.find("title")) - len([title for svg in root.find("svg") for title in svg.find("title")])
        == 1
    )
    for panel in root.find("div", "panel"):
        assert len(panel.find("svg")) == len(panel.find("details")) == len(panel.find("table")) == 1
        assert panel.find("td"), "each chart has its numbers"


def test_a_page_is_the_same_each_time(study: dict[str, Any]) -> None:
    assert depth_report(study) == depth_report(study)


@pytest.mark.parametrize(
    ("environment", "line"),
    [({"skipline": "1.2.3"}, "Written by skipline 1.2.3."), ({}, "Written by skipline.")],
)
def test_the_line_below_a_page_names_the_version_that_is_known(environment: dict[str, str], line: str) -> None:
    assert written_by(environment) == line
