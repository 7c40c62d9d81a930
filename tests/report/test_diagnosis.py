"""The page of a diagnosis: verdicts in words, the nets side by side, causes and remedies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from skipline.report import diagnosis_page
from skipline.report.diagnosis import diagnosis_figures
from skipline.report.phase import PhaseRecord
from skipline.report.records.diagnosis import DiagnosisRecord

Three = tuple[DiagnosisRecord, ...]


def page(diagnoses: Any, *phases: PhaseRecord, **settings: object) -> str:
    return diagnosis_page(
        diagnoses, headline="One of three trains", facts=("seed 0",), phases=phases, settings=settings, made_by="Us."
    )


def headings(root: Any) -> list[str]:
    return [heading.text for heading in root.find("h2")]


def test_several_nets(three: Three, phases: PhaseRecord, read: Callable[[str], Any]) -> None:
    root = read(page(three, phases, batch=64))
    assert root.find("h1")[0].text == "One of three trains"
    assert headings(root) == [
        "Verdicts",
        "Signals",
        "plain",
        "residual",
        "preact",
        "Where it stands",
        "Settings",
    ]
    verdicts = [
        (item.attributes["class"], item.find("span", "verdict")[0].text)
        for item in root.find("li")
        if item.find("span", "verdict")
    ]
    assert verdicts == [("undecided", "degrades"), ("fails", "does not train"), ("holds", "trains")]
    depths = root.find("table", "results")[0].find("tr")
    assert [row.find("td")[2].text for row in depths[1:]] == ["48 layers", "–", "no limit found"]
    assert [figure.attributes["id"] for figure in root.find("figure")] == [
        "signals",
        "details",
        "net-1",
        "net-2",
        "net-3",
        "phase-1",
    ]
    remedies = root.find("section")[2].find("table", "results")[1].find("tr")
    assert [cell.text for cell in remedies[2].find("td")] == ["1.068 a layer in place of 1.211", "not tried"]
    assert "Nothing was found that would prevent training." in root.find("section")[4].words


def test_one_net(three: Three, read: Callable[[str], Any]) -> None:
    root = read(page(three[:1]))
    assert headings(root) == ["Verdict", "Signals", "Causes and remedies"]
    assert [svg.find("title")[0].text for svg in root.find("svg", "chart")] == [
        "Forward",
        "Backward",
        "Correlation",
        "Zeros",
        "Channel variance",
    ]


def test_names_from_outside_stay_names(three: Three, phases: PhaseRecord, read: Callable[[str], Any]) -> None:
    attack = "</title><script>alert(1)</script>"
    bad = tuple(
        replace(one, verdict=attack, law=attack, net=replace(one.net, name=attack), depth_unit=attack) for one in three
    )
    html = page(bad, replace(phases, activation=attack), **{attack: attack})
    assert "<script" not in html
    assert read(html).find("script") == []


def test_a_page_of_nothing_is_refused(three: Three) -> None:
    with pytest.raises(ValueError, match="a diagnosis of no nets; expected at least one"):
        page(())
    with pytest.raises(ValueError, match="a chart of 6 nets; at most 5 can be told apart"):
        diagnosis_figures((*three, *three), phases=())
    with pytest.raises(ValueError, match="net 'plain': depth 48, trainable depth -1"):
        replace(three[0], trainable_depth=-1.0)
    assert math.isnan(three[1].trainable_depth)


def test_legends_and_captions_say_what_is_predicted_and_what_measured(three: Three) -> None:
    def bare(diagnosis: DiagnosisRecord, *, without: str) -> DiagnosisRecord:
        sites = tuple(replace(site, **{without: {}}) for site in diagnosis.net.sites)
        return replace(diagnosis, net=replace(diagnosis.net, sites=sites))

    both, plain = diagnosis_figures(three[:1], phases=())[0], three[0]
    assert both.keys[0].label == "what passes on: predicted (line), measured (dots)"
    assert "Lines are predicted from the description" in both.caption
    assert both.caption.endswith("dots were measured on one batch.")
    unmeasured = diagnosis_figures([bare(plain, without="measured")], phases=())[0]
    assert unmeasured.keys[0].label == "what passes on: predicted"
    assert unmeasured.caption.endswith("nothing was measured.")
    trained = diagnosis_figures([bare(plain, without="predicted")], phases=())[0]
    assert trained.keys[0].label == "what passes on: measured"
    assert trained.caption.endswith("Dots were measured on one batch; nothing was predicted.")
