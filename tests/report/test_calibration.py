"""The page of a calibration and its Markdown: what trained, the confusion, the cells foreseen wrongly."""

from __future__ import annotations

import re
from typing import Any

import pytest

from skipline.report import ReportError, calibration_markdown, calibration_report


def cell(init: str, depth: int, word: str, **changes: object) -> dict[str, Any]:
    attempt = {
        "learning_rate": 0.1,
        "trainability": word,
        "num_steps": 3 if word == "fails" else 150,
        "start_loss": 2.5,
        "train_loss": 0.1,
        "train_error": "NaN" if word == "fails" else 0.05,
        "test_error": 0.1,
        "seconds": 1.0,
    }
    return {
        "images": "digits",
        "unit": "plain",
        "depth": depth,
        "norm": "none",
        "activation": "relu",
        "slope": 0.0,
        "init": init,
        "trainability": word,
        "attempts": [attempt],
    } | changes


@pytest.fixture
def calibration() -> dict[str, Any]:
    """Four cells, of which a judge was wrong about one."""
    return {
        "format": "skipline.study.calibration",
        "version": 1,
        "rule": "It trains where it trains.",
        "rates": [0.1, 0.01],
        "images": [
            {
                "source": "digits",
                "num_train": 1437,
                "num_test": 360,
                "steps": 150,
                "recipe": {"epochs": 1},
                "environment": {},
            }
        ],
        "seconds": 9.0,
        "command": "skipline study calibration",
        "cells": [
            cell("he", 8, "trains"),
            cell("he", 20, "fails"),
            cell("torch", 8, "trains"),
            cell("torch", 20, "degrades", norm="batch", activation="leaky_relu", slope=0.2),
        ],
        "judged": [
            {
                "judge": "a judge",
                "num_cells": 4,
                "agreement": 0.75,
                "agreement_on_training": 0.75,
                "counts": [[2, 1, 0], [0, 0, 0], [0, 0, 1]],
                "disagreements": [{"cell": "digits x|y from torch", "predicted": "trains", "actual": "degrades"}],
            }
        ],
    }


def test_the_markdown_is_these_tables(calibration: dict[str, Any]) -> None:
    assert (
        calibration_markdown(calibration).replace("\xa0", " ")
        == """\
Of 4 nets trained for real, 2 train, 1 degrades, 1 fails.

It trains where it trains. Each cell is trained for 150 steps (digits) at the learning rates 0.1, 0.01 in turn, \
until one trains; its word is the best of them.

`skipline study calibration`

a judge: 75.0 % of 4 cells as predicted, one word of three; whether it trains or not 75.0 %:

|  | trains | degrades | fails |
| --- | ---: | ---: | ---: |
| predicted: trains | 2 | 1 | 0 |
| predicted: degrades | 0 | 0 | 0 |
| predicted: fails | 0 | 0 | 1 |

a judge: the cells of which it was wrong:

| cell | predicted | came out |
| --- | --- | --- |
| digits x\\|y from torch | trains | degrades |

digits: initialisers that train, of those tried, by depth:

| net | 8 | 20 |
| --- | ---: | ---: |
| plain, no norm, relu | 2 of 2 | 0 of 1 |
| plain, batch norm, leaky_relu 0.2 | – | 0 of 1 |

All 4 cells by initialiser:

| initialiser | trains | degrades | fails |
| --- | ---: | ---: | ---: |
| he | 1 | 0 | 1 |
| torch | 1 | 1 | 0 |
| all | 2 | 1 | 1 |
"""
    )


def test_the_page_has_every_cell_and_the_wrong_ones(calibration: dict[str, Any]) -> None:
    html = calibration_report(calibration)
    assert "Foreseen by a judge" in html
    assert "digits x|y from torch" in html
    assert "diverged, step 3" in html
    assert "Every cell: its rate" in html


def test_without_a_judge_there_is_no_such_table(calibration: dict[str, Any]) -> None:
    calibration["judged"] = []
    assert "predicted" not in calibration_markdown(calibration)
    assert "Foreseen" not in calibration_report(calibration)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "skipline.study.race"}, "format is 'skipline.study.race'; this reads 'skipline.study.calibration'"),
        ({"cells": []}, "cells is []"),
        ({"images": []}, "images is []"),
    ],
)
def test_what_is_no_calibration_is_said(change: dict[str, Any], message: str, calibration: dict[str, Any]) -> None:
    with pytest.raises(ReportError, match=re.escape(message)):
        calibration_report(calibration | change)


def test_counts_that_are_no_square_are_refused(calibration: dict[str, Any]) -> None:
    calibration["judged"][0]["counts"] = [[1, 2, 3]]
    with pytest.raises(ReportError, match=re.escape("counts has rows of [3]; expected three of three")):
        calibration_report(calibration)
