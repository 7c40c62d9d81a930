"""The Signals tab says what `skipline diagnose` says, and its code computes what it shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from skipline.lab.desk import Desk
from skipline.lab.error import Superseded


def parts(setup: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The frames of a set-up, by part."""
    frames = Desk().answer({"kind": "signals", "setup": setup}, between=lambda: None)
    return {frame["part"]: frame for frame in frames}


def diagnosed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    from skipline.cli.app import app

    app(["diagnose", *arguments, "--json", "--measure"], standalone_mode=False)
    return json.loads(capsys.readouterr().out)["nets"][0]


@pytest.mark.parametrize(
    ("setup", "arguments"),
    [
        ({"unit": "linear", "depth": 20, "alpha": 1.5}, ["--alpha", "1.5", "--depth", "20"]),
        pytest.param(
            {"unit": "plain", "depth": 20, "norm": "none"},
            ["--compare", "plain", "--depth", "20", "--norm", "none"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"unit": "residual", "depth": 14, "seed": 3},
            ["--compare", "residual", "--depth", "14", "--seed", "3"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_page_agrees_with_diagnose(
    setup: dict[str, Any], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said, shown = diagnosed(arguments, capsys), parts(setup)
    assert shown["measured"]["verdict"] == said["final_verdict"]
    if said["verdict"] == said["final_verdict"]:
        assert shown["measured"]["sentence"] == said["sentence"]
    names = shown["predicted"]["names"]
    assert names[0] == "stem"
    assert names[-1] == "head"
    for quantity in ("second_moment", "gradient_norm"):
        for part in ("predicted", "measured"):
            assert shown[part]["sites"][quantity] == [said[part][name][quantity] for name in names]
    assert [each["name"] for each in shown["measured"]["remedies"]] == [each["name"] for each in said["remedies"]]
    assert json.loads(json.dumps(shown["depth"]["greatest_depth"])) == pytest.approx(
        float(said["greatest_depth"]), nan_ok=True
    )


@pytest.mark.parametrize(
    "setup",
    [
        {"unit": "linear", "depth": 8, "alpha": 0.5},
        {"unit": "residual", "depth": 8, "shortcut": "b", "scale": 0.5, "norm": "group", "groups": 2},
        pytest.param(
            {"unit": "plain", "depth": 12, "fixes": ["residual"], "lesions": ["stage1.block2"], "act": "leaky_relu"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_code_computes_what_is_shown(setup: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    shown = parts(setup)
    found: dict[str, Any] = {}
    exec(shown["predicted"]["code"], found)
    capsys.readouterr()
    examination, names = found["examination"], shown["predicted"]["names"]
    assert examination.sentence == shown["measured"]["sentence"]
    predicted = [examination.prediction.sites[name].second_moment for name in names]
    assert predicted == shown["predicted"]["sites"]["second_moment"]
    measured = [examination.reading.sites[name].second_moment for name in names]
    assert measured == shown["measured"]["sites"]["second_moment"]
    if setup.get("lesions"):
        left = [site.second_moment for name, site in found["lesioned"].sites.items() if name in names]
        sites = shown["lesioned"]["sites"]["second_moment"]
        assert left == [value for value in sites if value == value]  # the block that is gone has none


def test_the_lecture_s_number() -> None:
    found = parts({"unit": "linear", "depth": 50, "alpha": 0.5})
    sizes = found["predicted"]["sites"]["second_moment"]
    # From behind the stem to behind the last block there are 48 layers.
    assert sizes[-2] / sizes[0] == pytest.approx(0.5 ** (2 * 48), rel=1e-6)
    assert found["jacobian"]["largest"] == pytest.approx(0.5**48, rel=1e-4)


def test_a_phase_diagram_is_for_plain_nets_without_norms() -> None:
    critical = {"unit": "plain", "depth": 8, "norm": "none", "init": "he_fan_in_normal"}
    here = parts(critical)["phase"]["here"]
    assert here["weight_variance"] == pytest.approx(2.0, rel=1e-3)  # He: twice 1/fan-in, where χ₁ is 1 for ReLU
    assert here["chi"] == pytest.approx(1.0, rel=1e-3)
    assert "phase" not in parts({"unit": "residual", "depth": 8, "width": 2})


def test_what_is_no_longer_wanted_is_given_up() -> None:
    calls = 0

    def between() -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise Superseded

    frames = Desk().answer({"kind": "signals", "setup": {"depth": 40}}, between=between)
    assert next(frames)["part"] == "predicted"
    with pytest.raises(Superseded):
        next(frames)  # within the measurement, between two blocks


def test_too_many_weights_are_predicted_only() -> None:
    frames = Desk().answer({"kind": "signals", "setup": {"depth": 300, "width": 64}}, between=lambda: None)
    seen = [next(frames) for _ in range(3)]
    assert [frame["part"] for frame in seen] == ["predicted", "depth", "note"]
    assert "weights are more than the lab builds" in seen[2]["says"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (None, "a request's kind is None"),
        ({"kind": "shell"}, "expected signals, race, advance, blocks"),
        ({"kind": "signals", "setup": {"depth": 3}}, "there is no depth 3"),
        ({"kind": "signals", "setup": {"init": "hee_normal"}}, "Did you mean"),
        ({"kind": "signals", "setup": {"lesions": ["stage9.block1"]}}, "there is no block 'stage9.block1'"),
        ({"kind": "advance", "steps": 51}, "whole number from 1 to 50"),
        ({"kind": "advance", "steps": 1}, "no race has been started"),
    ],
)
def test_what_cannot_be_answered_is_said(request_: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        list(Desk().answer(request_, between=lambda: None))
