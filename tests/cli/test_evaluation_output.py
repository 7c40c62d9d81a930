"""What is printed of an evaluation."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from skipline.cli.output.evaluation_output import print_evaluation


@pytest.fixture
def document() -> dict[str, Any]:
    """A stored evaluation; a fresh copy."""
    stored = Path(__file__).parents[1] / "report" / "fixtures" / "evaluation.json"
    return json.loads(stored.read_text(encoding="utf-8"))


def test_an_interval_that_was_not_computed_is_a_dash(
    document: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """As for 20,000 images and more, of which no bootstrap is made of the area."""
    for unknown in (math.nan, "NaN"):
        document["risk_coverage"]["area"] = {"value": 0.25, "low": unknown, "high": unknown}
        print_evaluation(document)
        (line,) = [line for line in capsys.readouterr().out.splitlines() if "area under risk-coverage" in line]
        assert line.split("area under risk-coverage")[1].split() == ["0.2500", "—"]


def printed(document: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    print_evaluation(document)
    return capsys.readouterr().out


def test_a_confusion_says_which_class_was_taken_for_which(
    document: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    label, answer, num = next(entry for entry in document["confusion"] if entry[0] != entry[1])
    names = [c["name"] for c in document["classes"]]
    first = f"most frequent confusions: {names[label]} taken for {names[answer]} ({num})"
    assert first in printed(document, capsys)


def test_of_a_model_at_chance_no_label_is_doubted(document: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert " to look at, most likely errors first:" in printed(document, capsys)
    out = printed({**document, "chance_p_value": 0.31}, capsys)
    assert (
        "the labels cannot be checked with this model: its predictions are no better than when shuffled over the "
        "images (p = 0.31)" in out
    )
    assert "to look at" not in out
    assert "to look at" in printed({**document, "chance_p_value": 0.049}, capsys)


def test_labels_that_are_not_listed_are_counted(document: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    more = {**document, "num_suspects": 18, "suspects": document["suspects"][:1] * 18}
    assert "… and 13 more; --json prints all\n" in printed(more, capsys)
    assert "more; --json" not in printed({**more, "num_suspects": 5, "suspects": more["suspects"][:5]}, capsys)


def test_a_temperature_at_the_end_of_what_is_tried_says_so(
    document: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    document["tempered"]["temperatures"] = [20.0, 1.5]
    out = printed(document, capsys)
    assert "T = 20 and 1.5" in out
    assert "\nT = 20 is the upper end of the search range: the confidence carries almost no information.\n" in out
    document["tempered"]["temperatures"] = [20.0, 20.0]
    assert printed(document, capsys).count("T = 20 is ") == 1
    document["tempered"]["temperatures"] = [0.05]
    assert "T = 0.05 is the lower end of the search range: " in printed(document, capsys)
    document["tempered"]["temperatures"] = [1.5]
    assert "search range" not in printed(document, capsys)


def test_few_images_promise_no_low_risk(document: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Of eight images four are answered without a mistake: that does not show that one in a hundred would be wrong."""
    document["risk_coverage"]["coverage_at"] = [{"risk": 0.01, "coverage": 0.5}, {"risk": 0.1, "coverage": 0.5}]
    document["error"] = 0.5
    assert "error or less" not in printed({**document, "num_images": 8}, capsys)
    out = printed({**document, "num_images": 100}, capsys)
    assert "coverage at 10 % error or less" in out
    assert "coverage at 1 % error" not in out
