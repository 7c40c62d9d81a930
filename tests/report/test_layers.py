"""`layers.jsonl`: read, refused, and drawn on the page of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skipline.report import ReportError, run_report
from skipline.report.records.layers import read_layers

LINE = {
    "step": 5,
    "sites": {"stem": {"second_moment": 1.0, "gradient_norm": 2.0, "zero_fraction": 0.5}},
    "tensors": {"stem.conv.weight": {"update_ratio": 0.001, "weight_norm": 3.0}},
}


def test_a_probe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "layers.jsonl"
    lost = {"step": 9, "sites": {"stem": {"gradient_norm": "Infinity"}}, "later": 1}
    path.write_text(json.dumps(LINE) + "\n\n" + json.dumps(lost) + '\n{"step": 12', encoding="utf-8")
    layers = read_layers(path)
    first, second = layers.probes
    assert (first.step, first.sites["stem"].second_moment, first.sites["stem"].zero_fraction) == (5, 1.0, 0.5)
    assert (first.tensors["stem.conv.weight"].update_ratio, first.tensors["stem.conv.weight"].weight_norm) == (0.001, 3)
    assert second.sites["stem"].gradient_norm == float("inf")
    assert second.sites["stem"].second_moment is None
    assert (second.tensors, second.warnings) == ({}, ())
    assert layers.cut_short


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}\n", "layers.jsonl, line 1: step is missing"),
        ('{"step": 1}\n', "layers.jsonl, line 1: sites is missing"),
        ('{"step": 1.5, "sites": {}}\n', "layers.jsonl, line 1: step is 1.5: input should be a valid integer"),
        ('{"step": -1, "sites": {}}\n', "layers.jsonl, line 1: step is -1: input should be greater than or equal to 0"),
        ('{"step": 1, "sites": [1]}\n', "layers.jsonl, line 1: sites is [1]: input should be a valid dictionary"),
        (
            '{"step": 1, "sites": {"stem": {"gradient_norm": "big"}}}\n',
            "layers.jsonl, line 1: sites.stem.gradient_norm is 'big': input should be a valid number",
        ),
        (
            '{"step": 1, "sites": {}, "tensors": {"w": 3}}\n',
            "layers.jsonl, line 1: tensors.w is 3: input should be a valid dictionary",
        ),
        ('{"step": 1, "sites": {}, "warnings": [{"site": "a"}]}\n', "line 1: warnings[0].cause is missing"),
        ("[]\n", "layers.jsonl, line 1: found a JSON array; expected a JSON object"),
        (
            '{"step": 4, "sites": {}}\n{"step": 4, "sites": {}}\n',
            "layers.jsonl: step 4 comes after step 4; expected each line to be later",
        ),
    ],
)
def test_a_broken_file_is_refused(run_folder: Callable[..., Path], text: str, message: str) -> None:
    with pytest.raises(ReportError) as refusal:
        run_report(run_folder({"layers.jsonl": text}))
    assert message in str(refusal.value)


def test_the_page_of_a_run_shows_its_layers(
    run_folder: Callable[..., Path], layers: Callable[[int], str], read: Callable[[str], Any]
) -> None:
    root = read(run_report(run_folder({"DONE": "", "layers.jsonl": layers(9)})))
    (part,) = [section for section in root.find("section") if section.attributes["id"] == "layers"]
    titles = [svg.find("title")[0].text for svg in part.find("svg", "chart")]
    assert titles == ["Gradient norm", "Update ÷ weight", "Mean square", "Zeros"]
    (warning,) = part.find("table", "results")
    assert [cell.words for cell in warning.find("tr")[1].find("td")] == [
        "stage2.block3.out",
        "nearly all its values are zero: units die",
    ]
    gradient = part.find("svg", "chart")[0]
    assert len(gradient.find("path", "level-lost")) == 1
    assert [t.text for t in gradient.find("text", "tick") if t.attributes["text-anchor"] == "end"] == [
        "stem",
        "stage 1",
        "stage 2",
        "stage 3",
    ]


def test_a_cause_that_stays_is_one_row(run_folder: Callable[..., Path], read: Callable[[str], Any]) -> None:
    lines = [
        {"step": step, "sites": {}, "warnings": [{"site": f"stage{step}", "cause": f"dead units: {step}% are 0"}]}
        for step in (5, 10, 20)
    ]
    other = {"step": 25, "sites": {}, "warnings": [{"site": "head", "cause": "signal explodes: by 9"}]}
    text = "".join(json.dumps(line) + "\n" for line in [*lines, other])
    root = read(run_report(run_folder({"layers.jsonl": text})))
    (part,) = [section for section in root.find("section") if section.attributes["id"] == "layers"]
    (table,) = part.find("table", "results")
    assert table.find("caption")[0].words.strip() == "2 warnings while it trained"
    rows = [[cell.words for cell in (*row.find("th"), *row.find("td"))] for row in table.find("tr")[1:]]
    assert rows == [
        ["5 to 20, in 3 probes", "stage5", "dead units: 5% are 0"],
        ["25", "head", "signal explodes: by 9"],
    ]


def test_a_run_that_was_not_watched_says_nothing_of_it(
    run_folder: Callable[..., Path], read: Callable[[str], Any]
) -> None:
    root = read(run_report(run_folder({"DONE": ""})))
    assert "layers" not in [section.attributes["id"] for section in root.find("section")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Layer readings are switched on, but none has been written yet."),
        ('{"step": 1, "sites": {}}\n', "The layer readings contain nothing to draw."),
        ('{"step": 1, "sites": {}}\n{"st', "The last line of layers.jsonl is not whole and is left out."),
    ],
)
def test_a_file_with_little_in_it(
    run_folder: Callable[..., Path], read: Callable[[str], Any], text: str, said: str
) -> None:
    root = read(run_report(run_folder({"layers.jsonl": text})))
    (part,) = [section for section in root.find("section") if section.attributes["id"] == "layers"]
    assert said in part.words


def test_a_net_that_grew_has_gaps(run_folder: Callable[..., Path], read: Callable[[str], Any]) -> None:
    later = {"step": 9, "sites": {"stem": {"gradient_norm": 2.0}, "new": {"gradient_norm": 4.0}}}
    root = read(run_report(run_folder({"layers.jsonl": json.dumps(LINE) + "\n" + json.dumps(later) + "\n"})))
    rows = root.find("section")[2].find("table", "data")[0].find("tr")
    assert [cell.text for cell in rows[2].find("td")] == ["–", "4.0"]


def test_names_from_outside_stay_names(run_folder: Callable[..., Path], read: Callable[[str], Any]) -> None:
    attack = "</title><img src=x onerror=alert(1)>"
    line = {
        "step": 1,
        "sites": {attack: {"gradient_norm": 1.0}},
        "warnings": [{"site": attack, "cause": attack}],
    }
    root = read(run_report(run_folder({"layers.jsonl": json.dumps(line) + "\n"})))
    assert root.find("img") == []
