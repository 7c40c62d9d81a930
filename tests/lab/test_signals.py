"""The Signals tab says what `skipline diagnose` says, and its code computes what it shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from skipline.lab.desk import Desk
from skipline.lab.error import Superseded


def parts(setup: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The frames of a set-up, by part."""
    return shown_by(Desk(), setup)


def shown_by(desk: Desk, setup: dict[str, Any]) -> dict[str, dict[str, Any]]:
    frames = desk.answer({"kind": "signals", "setup": setup}, between=lambda: None)
    passing = ("measuring", "working")  # on the way, where the machine is slow
    return {frame["part"]: frame for frame in frames if frame["part"] not in passing}


def diagnosed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    from skipline.cli.app import app

    app(["diagnose", *arguments, "--json", "--measure"], standalone_mode=False)
    return json.loads(capsys.readouterr().out)["nets"]


def check_agreement(shown: dict[str, dict[str, Any]], said: dict[str, Any]) -> None:
    """To the last bit: what the page gets is what `--json` prints."""
    assert shown["measured"]["verdict"] == said["final_verdict"]
    if said["verdict"] == said["final_verdict"]:
        assert shown["measured"]["sentence"] == said["sentence"]
    names = shown["predicted"]["names"]
    assert names[0] == "stem"
    assert names[-1] == "head"
    for quantity in ("second_moment", "gradient_norm", "correlation", "zero_fraction"):
        for part in ("predicted", "measured"):
            assert shown[part]["sites"][quantity] == [said[part][name][quantity] for name in names], quantity
    assert [each["name"] for each in shown["measured"]["remedies"]] == [each["name"] for each in said["remedies"]]
    assert json.loads(json.dumps(shown["depth"]["greatest_depth"])) == pytest.approx(
        float(said["greatest_depth"]), nan_ok=True
    )


@pytest.mark.parametrize(
    ("setup", "arguments"),
    [
        ({"unit": "linear", "depth": 20, "alpha": 1.5}, ["--alpha", "1.5", "--depth", "20"]),
        ({"unit": "residual", "depth": 6}, ["--compare", "residual", "--depth", "6"]),
        pytest.param(
            {"unit": "plain", "depth": 20, "norm": "none"},
            ["--compare", "plain", "--depth", "20", "--norm", "none"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"unit": "preact", "depth": 11, "width": 4, "act": "leaky_relu", "dtype": "float16"},
            [
                "--compare",
                "preact",
                "--depth",
                "11",
                "--width",
                "4",
                "--activation",
                "leaky_relu(0.2)",
                "--number-format",
                "float16",
            ],
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
    (said,) = diagnosed(arguments, capsys)
    check_agreement(parts(setup), said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("norm", "init"),
    [
        ("batch", "zero_branch(orthogonal)"),
        ("batch", "glorot_uniform"),
        ("none", "he_fan_in_normal"),
        ("none", "torch_default"),
        ("none", "scaled(0.7, critical(0))"),
        ("layer", "lecun_normal"),
        ("group(4)", "delta_orthogonal"),
    ],
)
def test_it_agrees_for_every_unit_with_norms_and_without(
    norm: str, init: str, capsys: pytest.CaptureFixture[str]
) -> None:
    units = ["residual", "preact"] if init.startswith("zero") else ["plain", "residual", "preact"]
    options = ["--depth", "8", "--width", "4", "--batch-size", "4", "--norm", norm, "--init", init]
    nets = diagnosed(["--compare", ",".join(units), *options], capsys)
    asked = {"depth": 8, "width": 4, "batch": 4, "norm": norm.partition("(")[0], "groups": 4, "init": init}
    for unit, said in zip(units, nets, strict=True):
        check_agreement(parts({**asked, "unit": unit}), said)


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


def test_a_depth_that_no_unit_has_is_said() -> None:
    shown = parts({"unit": "plain", "depth": 2, "width": 2})["predicted"]
    assert (shown["asked"], shown["depth"]) == (2, 4)


def test_a_start_that_looks_at_data_is_measured_and_judged_by_that() -> None:
    """LSUV's own promise: every convolution gives variance 1, so that E[x²] behind a ReLU is 1/2 and a mean's share."""
    shown = parts({"unit": "plain", "depth": 10, "norm": "none", "init": "lsuv"})
    assert list(shown) == ["predicted", "measured"]
    assert shown["predicted"]["verdict"] == "unknown"
    assert "looks at images" in shown["predicted"]["sentence"]
    assert shown["measured"]["verdict"] == "trains"
    blocks = shown["measured"]["sites"]["second_moment"][1:-1]
    assert all(0.4 < each < 1 for each in blocks)


def test_a_slow_start_can_be_left_on_its_way() -> None:
    calls = 0

    def between() -> None:
        nonlocal calls
        calls += 1
        if calls == 20:
            raise Superseded

    request = {"kind": "signals", "setup": {"depth": 8, "width": 2, "init": "gradinit(he_fan_out_normal)"}}
    with pytest.raises(Superseded):
        list(Desk().answer(request, between=between))


def test_another_look_at_the_same_net_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block left out, or another place: what is known of the whole net is not measured again."""
    desk = Desk()
    whole = {"unit": "plain", "depth": 8, "width": 2, "norm": "none"}
    first = shown_by(desk, whole)

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("computed again")

    for name in ("examining", "predict_signals", "phase_point"):
        monkeypatch.setattr(f"skipline.lab.signals.{name}", refused)
    again = shown_by(desk, {**whole, "lesions": ["stage1.block1"]})
    assert {key: again[key] for key in ("measured", "depth", "fan", "phase")} == {
        key: first[key] for key in ("measured", "depth", "fan", "phase")
    }
    assert again["lesioned"]["sites"]["second_moment"] != first["measured"]["sites"]["second_moment"]
    with pytest.raises(AssertionError, match="computed again"):
        shown_by(desk, {**whole, "seed": 1})


def test_what_passes_is_shown_before_all_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skipline.lab.pacer.SLICE_SECONDS", 0.0)
    frames = list(Desk().answer({"kind": "signals", "setup": {"depth": 14, "width": 2}}, between=lambda: None))
    passing = [frame["sites"] for frame in frames if frame["part"] == "measuring"]
    known = [sum(value == value for value in sites["second_moment"]) for sites in passing]
    assert known == sorted(known)
    assert 0 < known[len(known) // 4] < 6, "six blocks"
    last = next(frame for frame in frames if frame["part"] == "measured")["sites"]
    for quantity in ("second_moment", "gradient_norm"):
        assert passing[-1][quantity][1:-1] == pytest.approx(last[quantity][1:-1], rel=1e-5)


def test_a_lecture_s_power_is_measured_over_all_layers() -> None:
    power = parts({"unit": "linear", "depth": 20, "alpha": 1.5})["measured"]["alpha_power"]
    assert power["depth"] == 20
    assert [power["law"], power["forward"], power["back"]] == pytest.approx([1.5**20] * 3, rel=1e-5)
    assert "alpha_power" not in parts({"unit": "plain", "depth": 8, "width": 2})["measured"]


@pytest.mark.slow
def test_what_lesson_5_says_of_initialisers() -> None:
    plain = {"unit": "plain", "norm": "none", "init": "glorot_normal", "depth": 50}

    def left(setup: dict[str, Any]) -> float:
        sizes = parts(setup)["measured"]["sites"]["second_moment"]
        return sizes[-2] / sizes[1]

    assert left({**plain, "fixes": ["he"]}) / left(plain) == pytest.approx(1e14, rel=1)
    assert parts({**plain, "init": "looks_linear"})["measured"]["verdict"] == "trains"


def test_a_dropout_on_the_skip_is_measured() -> None:
    found = parts({"depth": 8, "width": 2, "skip_dropout": 0.5})
    assert found["measured"]["verdict"]
    assert "says" not in found["jacobian"]


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
    seen = [next(frames)["part"]]
    with pytest.raises(Superseded):
        seen += [frame["part"] for frame in frames]  # within the measurement, between two blocks
    assert set(seen) <= {"predicted", "measuring"}


def test_too_many_weights_are_predicted_only() -> None:
    frames = Desk().answer({"kind": "signals", "setup": {"depth": 300, "width": 64}}, between=lambda: None)
    seen = [next(frames) for _ in range(3)]
    assert [frame["part"] for frame in seen] == ["predicted", "depth", "note"]
    assert "weights are more than the lab builds" in seen[2]["says"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (None, "a request is an object; got None"),
        ({}, "a request's kind is None"),
        ({"kind": "shell"}, "expected one of signals, race, advance, blocks"),
        ({"kind": "signals", "set": {}}, "a request for signals has no 'set'. Did you mean 'setup'?"),
        ({"kind": "advance", "step": 1}, "Did you mean 'steps'?"),
        (
            {"kind": "signals", "setup": {"init": "gradinit(orthogonal)", "depth": 51}},
            "up to 50 layers, and this net has 51",
        ),
        ({"kind": "signals", "setup": {"init": "lsuv", "fixes": ["he"]}}, "lsuv can only be measured. Take he back"),
        ({"kind": "signals", "setup": {"init": "hee_normal"}}, "Did you mean"),
        ({"kind": "signals", "setup": {"lesions": ["stage9.block1"]}}, "there is no block 'stage9.block1'"),
        ({"kind": "advance", "steps": 51}, "whole number from 1 to 50"),
        ({"kind": "advance", "steps": 1}, "no race has been started"),
    ],
)
def test_what_cannot_be_answered_is_said(request_: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        list(Desk().answer(request_, between=lambda: None))


def test_sigma_is_that_of_whatever_initialiser_times_a_number() -> None:
    plain = {"unit": "plain", "depth": 8, "width": 2, "norm": "none", "act": "tanh"}
    own, scaled = (parts({**plain, "init": init}) for init in ("critical(0.05)", "scaled(0.9229, critical(0.05))"))
    assert own["predicted"]["weight_deviation"] == pytest.approx(1.7610**0.5, rel=1e-4)  # σ_w² on the critical line
    assert scaled["predicted"]["weight_deviation"] == pytest.approx(1.5**0.5, rel=1e-3)
    assert scaled["phase"]["here"]["chi"] == pytest.approx(0.939, abs=1e-3)  # published for σ_w² = 1.5, σ_b² = 0.05
