"""What is printed of an evaluation."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from skipline.cli.evaluation_output import print_evaluation


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
