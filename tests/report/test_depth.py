"""The page of a depth study: what it says, and what it says of a file that is not one."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skipline.report import ReportError, depth_report
from skipline.report.records.record import read_object

SPACE = "\N{NO-BREAK SPACE}"


def rows(root: Any, look: str) -> list[list[str]]:
    (table,) = root.find("table", look)
    return [[cell.words.strip() for cell in row.children] for row in table.find("tr")]


def test_the_page_says_what_was_seen(study: dict[str, Any], read: Callable[[str], Any]) -> None:
    root = read(depth_report(study))
    assert root.find("h1")[0].text.replace(SPACE, " ") == study["sentence"]
    assert [item.words.split()[:2] for item in root.find("p", "verdict")] == [["holds", "✓"]] * 3
    assert study["claims"][1]["sentence"] in root.find("ul", "claims")[0].words.replace(SPACE, " ")
    assert [b.text for b in root.find("b") if b.parent.tag == "figcaption"] == ["Figure 1.", "Figure 2.", "Figure 3."]
    assert root.find("code")[0].text == "skipline demo"
    assert ["torch", "2.13.0+cpu"] in [
        [cell.text for cell in row.children] for row in root.find("tr") if row.children[0].tag == "th"
    ]


def test_a_claim_that_fails_says_so(study: dict[str, Any], read: Callable[[str], Any]) -> None:
    study["claims"][0]["holds"] = False
    (verdict, *_) = read(depth_report(study)).find("p", "verdict")
    assert verdict.parent.attributes["class"] == "fails"
    assert verdict.words.split() == ["does", "not", "hold", "✗"]


def test_a_claim_may_be_undecided(study: dict[str, Any], read: Callable[[str], Any]) -> None:
    study["claims"][0].update(holds=False, verdict="undecided")
    (verdict, *_) = read(depth_report(study)).find("p", "verdict")
    assert verdict.words.split() == ["undecided", "?"]


def test_the_results_are_mean_and_deviation(study: dict[str, Any], read: Callable[[str], Any]) -> None:
    """Three seeds at 1 %, 2 % and 3 %: mean 2 %, sample standard deviation 1 %."""
    for cell in study["cells"]:
        if cell["unit"] == "plain" and cell["depth"] == 20:
            cell.update(train_error=0.01 * (cell["seed"] + 1), parameters=1234567, seconds=65.0)
    found = rows(read(depth_report(study)), "results")
    assert found[0] == ["depth", "parameters", "training error", "test error", "time each", "seeds"]
    assert [row[0] for row in found[1:]] == ["plain", "8", "20", "56", "110", "residual", "8", "20", "56", "110"]
    assert found[3][:3] == ["20", "1,234,567", f"2.00 ±{SPACE}1.00{SPACE}%"]
    assert found[3][4:] == [f"1{SPACE}min{SPACE}05{SPACE}s", "3"]


def test_every_training_has_a_marker(study: dict[str, Any], read: Callable[[str], Any]) -> None:
    root = read(depth_report(study))
    (panel, _) = root.find("figure")[0].find("div", "panel")
    plain = panel.find("svg", "chart")[0].find("path", "open")
    residual = panel.find("svg", "chart")[0].find("circle", "dot")
    assert (len(plain), len(residual)) == (12, 12)
    (cell,) = [c for c in study["cells"] if (c["unit"], c["depth"], c["seed"]) == ("plain", 56, 1)]
    said = f"plain, depth 56, seed 1: training error {100 * cell['train_error']:.2f}{SPACE}%"
    assert any(mark.find("title")[0].text.startswith(said) for mark in plain)


def test_there_is_a_panel_a_depth(study: dict[str, Any], read: Callable[[str], Any]) -> None:
    panels = read(depth_report(study)).find("figure")[1].find("div", "panel")
    assert [panel.find("title")[0].text for panel in panels] == ["8 layers", "20 layers", "56 layers", "110 layers"]
    for panel in panels:
        strokes = sorted(path.attributes["class"] for path in panel.find("svg", "chart")[0].find("path", "line"))
        assert strokes == ["line plain dotted", "line plain solid", "line residual dotted", "line residual solid"]
        assert len(panel.find("tr")) == 11, "a head and ten epochs"


def test_the_linear_nets_stand_beside_their_law(study: dict[str, Any], read: Callable[[str], Any]) -> None:
    page = depth_report(study)
    panels = read(page).find("figure")[2].find("div", "panel")
    assert [panel.find("title")[0].text for panel in panels] == ["Signal in a linear net", "Gradient in a linear net"]
    assert [len(panel.find("circle", "point")) for panel in panels] == [100, 100]
    assert f"after 50 layers the theory says 8.88{SPACE}×{SPACE}10<sup>−16</sup>" in page
    assert f"after 50 layers the theory says 6.38{SPACE}×{SPACE}10<sup>8</sup>" in page
    assert f"multiplied by α<sup>ℓ−1</sup> = 1.78{SPACE}×{SPACE}10<sup>−15</sup>." in page  # 2^−49
    assert "In 32-bit floats the signal is exactly zero from layer 150 on." in page  # 2^−149 is the least there is
    assert "In 32-bit floats the signal is exactly infinite from layer 219 on." in page  # 1.5^219 > 2^128 > 1.5^218


def test_a_linear_net_that_stays_in_range_is_said_to_end_nowhere(study: dict[str, Any]) -> None:
    study["linear"][0]["alpha"] = 1.0
    assert depth_report(study).count("In 32-bit floats") == 1


def test_what_underflowed_is_in_the_table_alone(study: dict[str, Any], read: Callable[[str], Any]) -> None:
    study["linear"][0]["forward"][-2:] = [0.0, 0.0]
    study["linear"][1]["gradient"][-1] = "Infinity"
    page = depth_report(study)
    panels = read(page).find("figure")[2].find("div", "panel")
    assert [len(panel.find("circle", "point")) for panel in panels] == [98, 99]
    assert "3 values that are zero or infinite have no place on this scale." in page
    assert panels[0].find("tr")[-1].find("td")[0].text == "0"
    assert panels[1].find("tr")[-1].find("td")[2].text == "∞"


def test_what_diverged_is_marked_and_named(diverged_study: dict[str, Any], read: Callable[[str], Any]) -> None:
    page = depth_report(diverged_study)
    root = read(page)
    for panel in root.find("figure")[0].find("div", "panel"):
        crosses = panel.find("svg", "chart")[0].find("path", "cross")
        assert [cross.find("title")[0].text for cross in crosses] == [
            "plain, depth 56, seed 2: diverged",
            "plain, depth 110, seed 1: diverged",
            "plain, depth 110, seed 2: diverged",
        ]
        assert panel.find("text", "lane-label")[0].text == "diverged"
        assert panel.find("text", "rule-label")[0].text == "guessing"
    found = {tuple(row[:1]): row for row in rows(root, "results")[1:6]}
    assert (found["56",][-1], found["110",][-1]) == ("3 (1 diverged)", "3 (2 diverged)")
    assert "±" not in found["110",][2], "one seed is left, and one has no spread"
    text = page.replace(SPACE, " ")
    assert "plain, 110 layers, seed 1: diverged after epoch 3; its training error was then 90.00 %." in text
    assert "plain, 110 layers, seed 2: diverged in the first epoch; it has no final error." in text
    assert "Guessing among 10 classes is wrong 90.0 % of the time." in text
    assert "are not part of the mean or the band" in text


def test_a_depth_where_all_diverged_has_no_error(study: dict[str, Any], read: Callable[[str], Any]) -> None:
    for cell in study["cells"]:
        if cell["unit"] == "plain" and cell["depth"] == 110:
            cell.update(status="diverged", curve=[], train_error="NaN", test_error="NaN")
    found = rows(read(depth_report(study)), "results")
    assert found[5][2:4] == ["diverged", "diverged"]
    assert "no finished seed at depth 110 (3 of 3 diverged)" in depth_report(study)


def test_one_seed_one_depth_and_no_linear_net_is_enough(study: dict[str, Any], read: Callable[[str], Any]) -> None:
    (cell, *_) = study["cells"]
    cell["curve"] = cell["curve"][:1]
    study.update(cells=[cell], linear=[], claims=[])
    root = read(depth_report(study))
    assert rows(root, "results")[2][2] == f"{100 * cell['train_error']:.2f}{SPACE}%"
    assert len(root.find("figure")) == 2
    assert root.find("ul", "claims") == []


def test_names_from_outside_stay_names(study: dict[str, Any], read: Callable[[str], Any]) -> None:
    attack = "<img src=x onerror=alert(1)>\"'</title>"
    changed = json.loads(json.dumps(study).replace("digits", json.dumps(attack)[1:-1]))
    changed["sentence"] = changed["command"] = changed["claims"][0]["sentence"] = attack
    changed["environment"][attack] = {attack: [attack]}
    page = depth_report(changed)
    root = read(page)
    assert root.find("img") == []
    assert all("onerror" not in element.attributes for element in root.find("*"))
    assert root.find("h1")[0].text == attack
    assert root.find("title")[0].text == f"Depth study on {attack}"


def test_the_fixture_is_what_the_page_reads() -> None:
    path = Path(__file__).parent / "fixtures" / "depth_study.json"
    assert len(depth_report(read_object(path), where=str(path))) > 50_000


def change(study: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy of the study with the value at `a.0.b` replaced, or taken away where it is `...`."""
    changed = copy.deepcopy(study)
    *way, last = path.split(".")
    place: Any = changed
    for name in way:
        place = place[int(name) if name.isdigit() else name]
    key = int(last) if last.isdigit() else last
    if value is ...:
        del place[key]
    else:
        place[key] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("format", "skipline.run", "format is 'skipline.run'; this reads 'skipline.study.depth' version 1"),
        ("format", ..., "format is missing; this reads 'skipline.study.depth' version 1"),
        (
            "version",
            2,
            "skipline.study.depth version is 2; this reads version 1. A file from a newer skipline needs that "
            "skipline: pip install --upgrade skipline",
        ),
        ("version", "1", "skipline.study.depth version is '1'; this reads version 1"),
        ("version", True, "skipline.study.depth version is true; this reads version 1"),
        ("sentence", ..., "sentence is missing"),
        ("num_train", 0, "num_train is 0: input should be greater than or equal to 1"),
        ("num_train", "1437", "num_train is '1437': input should be a valid integer"),
        ("cells", [], "cells is []: tuple should have at least 1 item"),
        ("cells.3.unit", "plane", "cells[3].unit is 'plane': input should be 'plain' or 'residual'"),
        ("cells.3.status", "ok", "cells[3].status is 'ok': input should be 'done' or 'diverged'"),
        ("cells.3.train_error", "none", "cells[3].train_error is 'none': input should be a valid number"),
        ("cells.3.train_error", True, "cells[3].train_error is true: input should be a valid number"),
        ("cells.3.train_error", "NaN", "cells[3]: train_error is missing or not finite though status is 'done'"),
        ("cells.3.test_error", ..., "cells[3]: test_error is missing or not finite though status is 'done'"),
        ("cells.3.test_error", 2.0, "cells[3]: test_error is 2.0; an error is a fraction from 0 to 1"),
        ("cells.3.curve.0.epoch", -1, "cells[3].curve[0].epoch is -1: input should be greater than or equal to 0"),
        ("cells.1.seed", 0, "cells holds 2 trainings of plain, depth 8, seed 0; expected one"),
        ("linear.0.predicted", [1.0], "linear[0]: predicted has 1 values; depth has 50, and each needs one"),
        ("linear.0.alpha", 0.0, "linear[0]: alpha is 0.0; the figure's logarithmic scale needs a factor above 0"),
        ("claims.0.holds", "yes", "claims[0].holds is 'yes': input should be a valid boolean"),
        ("claims.0.verdict", "undecided", "claims[0]: verdict is 'undecided' though holds is true"),
        ("recipe", "x" * 99, "recipe is '" + "x" * 56 + "...: input should be a valid dictionary"),
    ],
)
def test_a_study_that_does_not_fit_is_refused(study: dict[str, Any], path: str, value: object, message: str) -> None:
    with pytest.raises(ReportError, match=re.escape(f"runs/x/study.json: {message}")):
        depth_report(change(study, path, value), where="runs/x/study.json")


def test_what_a_later_version_may_add_is_passed_over(study: dict[str, Any]) -> None:
    assert depth_report(study | {"later": [1]}) == depth_report(study)
