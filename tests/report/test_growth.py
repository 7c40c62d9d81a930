"""A run whose net grew: an upright line in every chart, a row in every table, a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from skipline.report import ReportError, run_report
from skipline.spec import to_json
from skipline.zoo import describe


def deepened(step: int, before: int, after: int) -> str:
    """`deepened.json` of digits nets, with the part of it that a report reads."""
    source, target = (to_json(describe(f"digits_resnet{depth}")) for depth in (before, after))
    record = {"format": "skipline.deepened", "version": 1, "step": step, "source": source, "target": target}
    return json.dumps(record)


@pytest.fixture
def page(
    run_folder: Callable[..., Path], metrics: Callable[..., str], read: Callable[[str], Any]
) -> Callable[..., Any]:
    """`page(depths, files)`: the page of a run whose net had these depths, epoch by epoch of 12 steps."""

    def make(depths: Sequence[int | None], files: dict[str, str] | None = None) -> Any:
        lines = [
            metrics(epoch, **({} if depth is None else {"depth": depth})) for epoch, depth in enumerate(depths, start=1)
        ]
        text = "".join(line + "\n" for line in lines)
        return read(run_report(run_folder({"metrics.jsonl": text, **(files or {})})))

    return make


def post_xs(chart: Any) -> list[float]:
    return [float(re.findall(r"[0-9.]+", post.attributes["d"])[0]) for post in chart.find("path", "post")]


def groups_of(table: Any) -> list[str]:
    """The rows of a table by their first cell, headings of groups among them."""
    return [row.find("th")[0].text for row in table.find("tr")[1:]]


def sentences(root: Any) -> list[str]:
    found = [said.text for said in root.find("p", "prose")]
    return [text for text in found if "the net grew" in text]


def test_a_growth_in_a_recipe_is_marked_in_charts_and_tables(page: Callable[..., Any]) -> None:
    root = page([20, 20, 56, 56])
    for chart in root.find("svg", "chart"):
        assert [label.text for label in chart.find("text", "post-label")] == ["20 → 56"]
        assert "After step 24 (epoch 2) the net grew from 20 to 56 layers." in chart.find("desc")[0].text
    for table in root.find("table", "data"):
        assert groups_of(table) == ["20 layers", "1", "2", "20 → 56 layers", "3", "4"]
    assert sentences(root) == ["After step 24 (epoch 2) the net grew from 20 to 56 layers."]


def test_it_stands_where_the_net_grew(page: Callable[..., Any]) -> None:
    """The axis runs from 0 to epoch 4: the second ends in its middle, and step 30 of 48 is at five eighths."""
    files = {"deepened.json": deepened(30, 56, 110)}
    chart = page([20, 20, 110, 110], files).find("svg", "chart")[0]
    across = chart.find("path", "base")[0].attributes["d"]  # M x y H x
    left, right = (float(re.findall(pattern, across)[0]) for pattern in (r"M([0-9.]+)", r"H([0-9.]+)"))
    shares = [(x - left) / (right - left) for x in post_xs(chart)]
    assert shares == pytest.approx([1 / 2, 5 / 8], abs=0.01)
    assert [label.text for label in chart.find("text", "post-label")] in (["20 → 56"], ["20 → 56", "56 → 110"])


@pytest.mark.parametrize(
    ("depths", "files", "expected"),
    [
        ([20, 20], {}, []),
        ([None, None], {}, []),
        ([None, None, None], {"deepened.json": deepened(24, 8, 20)}, ["step 24 (epoch 2) the net grew from 8 to 20"]),
        ([8, 8, 20], {"deepened.json": deepened(24, 8, 20)}, ["step 24 (epoch 2) the net grew from 8 to 20"]),
        ([8, 8, 20], {"deepened.json": deepened(27, 8, 20)}, ["step 27 (epoch 2.25) the net grew from 8 to 20"]),
        ([8, 8], {"deepened.json": deepened(24, 8, 20)}, ["step 24 (epoch 2) the net grew from 8 to 20"]),
        (
            [8, 14, 20],
            {"deepened.json": deepened(24, 14, 20)},
            ["step 12 (epoch 1) the net grew from 8 to 14", "step 24 (epoch 2) the net grew from 14 to 20"],
        ),
    ],
)
def test_every_growth_is_told_once(
    page: Callable[..., Any], depths: list[int | None], files: dict[str, str], expected: list[str]
) -> None:
    root = page(depths, files)
    assert sentences(root) == [f"After {said} layers." for said in expected]
    assert all(len(post_xs(chart)) == len(expected) for chart in root.find("svg", "chart"))


def test_a_run_that_grew_before_its_first_evaluation(
    run_folder: Callable[..., Path], read: Callable[[str], Any]
) -> None:
    root = read(run_report(run_folder({"metrics.jsonl": None, "deepened.json": deepened(3, 8, 20)})))
    assert sentences(root) == ["After step 3 the net grew from 8 to 20 layers."]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": "skipline.deepened", "version": 2}', "skipline.deepened version is 2; this reads version 1"),
        (deepened(3, 8, 20).replace("digits_resnet8", "").replace('"stages"', '"stage"'), "deepened.json: "),
        ('{"format": "skipline.deepened", "version": 1, "step": 3, "source": {}}', "deepened.json: target is missing"),
    ],
)
def test_what_is_broken_is_named(run_folder: Callable[..., Path], text: str, message: str) -> None:
    with pytest.raises(ReportError) as refusal:
        run_report(run_folder({"deepened.json": text}))
    assert message in str(refusal.value)
