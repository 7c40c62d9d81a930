"""The page of a study of deepening: what it says, what it draws, and what it refuses to read."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest

from skipline.report import ReportError, deepening_report

from .html_page import Element

Read = Callable[[str], Element]


def training(seed: int, errors: list[float], *, diverged: bool = False) -> dict[str, Any]:
    """Errors by epoch, of the training and of the test images alike."""
    curve = [{"epoch": e, "train_loss": 1.0, "train_error": x, "test_error": x} for e, x in enumerate(errors, start=1)]
    last = math.nan if diverged else errors[-1]
    return {
        "seed": seed,
        "unit": "residual",
        "depth": 20,
        "model": "digits_resnet20",
        "parameters": 1000,
        "seconds": 4.0,
        "status": "diverged" if diverged else "done",
        "train_error": last,
        "train_loss": last,
        "test_error": last,
        "curve": curve,
    }


def way(
    name: str, label: str, spent: list[float], *results: dict[str, Any], grows: tuple[int, ...] = ()
) -> dict[str, Any]:
    return {
        "way": name,
        "label": label,
        "epochs": len(spent) - 1,
        "grows_after": list(grows),
        "spent": spent,
        "results": list(results),
    }


@pytest.fixture
def study() -> dict[str, Any]:
    return {
        "format": "skipline.study.deepening",
        "version": 1,
        "source": "digits",
        "num_train": 1437,
        "num_test": 360,
        "num_classes": 10,
        "recipe": {"batch_size": 128},
        "environment": {"skipline": "0.1.0"},
        "seconds": 30.0,
        "command": "skipline study deepening --to 20",
        "share": 0.5,
        "ways": [
            way("deep", "20 layers", [0.0, 0.5, 1.0], training(0, [0.5, 0.2]), training(1, [0.6, 0.4])),
            way(
                "deepened",
                "8 layers deepened to 20",
                [0.0, 0.25, 0.5, 1.0],
                training(0, [0.4, 0.3, 0.125]),
                training(1, [0.9], diverged=True),
                grows=(2,),
            ),
            way(
                "shallow", "8 layers", [0.0, 1.0], training(0, [0.1], diverged=True), training(1, [0.1], diverged=True)
            ),
        ],
        "sentence": "With the multiply-adds of 2 epochs it is so.",
    }


def test_it_says_how_each_way_ended(study: dict[str, Any], read: Read) -> None:
    page = read(deepening_report(study))
    (title,) = page.find("h1")
    assert title.words.strip() == "With the multiply-adds of 2 epochs it is so."
    (part,) = (each for each in page.find("section") if each.attributes["id"] == "results")
    rows = [[cell.words.strip() for cell in row.children] for row in part.find("table")[0].find("tr")]
    assert [[cell.replace("\xa0", " ") for cell in row] for row in rows] == [
        ["way", "epochs", "compute", "training loss", "training error", "test error", "time"],
        ["20 layers", "2", "1.000", "0.300 ± 0.141", "30.00 % ± 14.14 %", "30.00 % ± 14.14 %", "4.0 s"],
        ["8 layers deepened to 20 (grows after epoch 2)", "3", "1.000", "0.125", "12.50 %", "12.50 %", "4.0 s"],
        ["8 layers", "1", "1.000", "–", "–", "–", "4.0 s"],
    ]
    words = part.words.replace("\xa0", " ")
    assert "Of 8 layers deepened to 20, 1 training diverged." in words
    assert "Of 8 layers, 2 trainings diverged." in words


def test_errors_stand_over_the_compute_that_was_spent(study: dict[str, Any], read: Read) -> None:
    page = read(deepening_report(study))
    (part,) = (each for each in page.find("section") if each.attributes["id"] == "curve-section")
    table = part.find("table")[0]
    rows = [[cell.words.strip().replace("\xa0", " ") for cell in row.children] for row in table.find("tr")]
    assert rows == [
        ["epoch", "compute", "training error"],
        ["20 layers"],
        ["1", "0.500", "55.00 %"],
        ["2", "1.000", "30.00 %"],
        ["8 layers deepened to 20"],
        ["1", "0.250", "40.00 %"],
        ["2", "0.500", "30.00 %"],
        ["3", "1.000", "12.50 %"],
    ], "means of what ended; a way that never did has no rows"
    assert "8 layers: no finished seed." in deepening_report(study)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda study: study.update(version=2), "version is 2"),
        (lambda study: study["ways"][0]["spent"].pop(), "spent has 2 amounts; expected one at the start and one after"),
        (lambda study: study["ways"][2]["results"][0]["curve"].append(
            {"epoch": 2, "train_loss": 1.0, "train_error": 0.1, "test_error": 0.1}
        ), "a curve reaches epoch 2; there are 1"),
        (lambda study: study.pop("share"), "share"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(
    study: dict[str, Any], change: Callable[[dict[str, Any]], object], words: str
) -> None:
    broken = copy.deepcopy(study)
    change(broken)
    with pytest.raises(ReportError, match=words):
        deepening_report(broken, where="study.json")
