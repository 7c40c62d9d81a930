"""The page of a race: who trained, the curves, and what it refuses to read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from skipline.report import ReportError, race_report
from skipline.report.plot.chart import Dots, Line
from skipline.report.race_curves import MOST_POINTS, TOP, race_panels
from skipline.report.records.race import parse_race

from .html_page import Element
from .races import entrant

Read = Callable[[str], Element]


def rows(page: Element, name: str) -> list[list[str]]:
    """The rows of the first table in the section `name`."""
    (part,) = (each for each in page.find("section") if each.attributes["id"] == name)
    return [[cell.words.strip() for cell in row.children] for row in part.find("table")[0].find("tr")]


def test_the_best_stand_first_under_the_word_for_them(race: dict[str, Any], read: Read) -> None:
    page = read(race_report(race))
    (title,) = page.find("h1")
    assert title.words.strip() == "Of 4 initialisers, fast and slow trained; part learnt a part; he failed."
    assert rows(page, "results") == [
        ["initialiser", "start loss", "end loss", "training error", "test error", "time"],
        ["✓ trains"],
        ["fast", "2.30", "0.0625", "5.00\xa0%", "6.00\xa0%", "3.0\xa0s"],
        ["slow", "2.30", "0.500", "5.00\xa0%", "6.00\xa0%", "3.0\xa0s"],
        ["~ degrades"],
        ["part", "2.40", "1.20", "40.00\xa0%", "6.00\xa0%", "3.0\xa0s"],
        ["✗ fails"],
        ["he", "2.00\xa0×\xa010 6", "diverged, step 1", "–", "–", "3.0\xa0s"],
    ]


def test_it_says_the_net_the_rate_the_rule_and_who_was_left_out(race: dict[str, Any]) -> None:
    html = race_report(race)
    assert "exactly 10 layers (2, 1, 1 blocks of 8, 16, 32 channels), no norm" in html
    assert "one learning rate for all: 0.01" in html
    assert "A training trains where it is right." in html
    assert "zero_gamma(he): it has no &lt;norm&gt;." in html
    assert "skipline race --steps 4" in html


def test_with_several_rates_each_has_its_best_and_all_are_listed(race: dict[str, Any], read: Read) -> None:
    race["rates"] = [0.1, 0.01]
    for each in race["standings"]:
        each["tried"].insert(0, {"learning_rate": 0.1, "train_loss": "Infinity"})
    html = race_report(race)
    assert "each at the best of the learning rates 0.1, 0.01" in html
    assert rows(read(html), "results")[2][:3] == ["fast", "0.01", "2.30"]
    assert "a rate at which a seed diverged counts as infinite. Test images were not used for this." in html
    assert "<td>∞</td>" in html


def test_a_curve_ends_where_it_diverged_and_every_panel_has_one_scale(race: dict[str, Any]) -> None:
    panels = race_panels(parse_race(race, where="x"))
    assert [panel.chart.title for panel in panels] == ["fast", "slow", "part", "he"]
    assert len({(panel.chart.y.low, panel.chart.y.high, panel.chart.x.high) for panel in panels}) == 1
    (own,) = (mark for mark in panels[3].chart.marks if isinstance(mark, Line) and mark.look == "stuck")
    (end,) = (mark for mark in panels[3].chart.marks if isinstance(mark, Dots))
    assert own.points == ((0.0, TOP),), "2,000,000 is drawn at the top, and infinity not at all"
    assert (end.marker, end.names) == ("cross", ("he, seed 0: diverged after 1 step",))
    others = [mark for mark in panels[0].chart.marks if isinstance(mark, Line) and mark.look == "faint"]
    assert len(others) == 3
    assert "Losses above 1,000 are drawn at that height." in race_report(race)


def test_a_long_curve_is_drawn_as_means_but_for_its_start(race: dict[str, Any]) -> None:
    """121 losses: the first, and 60 pairs, each of 1 and 3."""
    race["steps"] = 121
    race["standings"][3]["entrants"] = [entrant([9.0, *[1.0, 3.0] * 60])]
    panel = race_panels(parse_race(race, where="x"))[1]
    (own,) = (mark for mark in panel.chart.marks if isinstance(mark, Line) and mark.look == "trains")
    assert len(own.points) == MOST_POINTS + 1
    assert own.points[0] == (0.0, 9.0)
    assert own.points[1] == (1.5, 2.0)
    assert {y for _, y in own.points[1:]} == {2.0}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("format",), "skipline.study.depth", "format is 'skipline.study.depth'; this reads 'skipline.study.race'"),
        (("version",), 2, "skipline.study.race version is 2; this reads version 1."),
        (("standings",), [], "standings is []"),
        (("standings", 0, "trainability"), "hopes", "standings[0].trainability is 'hopes'"),
        (("standings", 1, "entrants", 0, "losses"), [1.0], "losses has 1 values; steps has 4, and each needs one"),
    ],
)
def test_what_is_no_race_is_said(path: tuple[Any, ...], value: object, message: str, race: dict[str, Any]) -> None:
    place: Any = race
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ReportError, match=re.escape(message)):
        race_report(race, where="study.json")
