"""`skipline models` and `skipline doctor`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from skipline.spec import dumps, to_json
from skipline.zoo import describe

from .conftest import Command


def test_models_lists_every_row_once(skipline: Command) -> None:
    listed = json.loads(skipline("models", "--json").out)["models"]
    names = [row["name"] for row in listed]
    assert len(names) == len(set(names)) > 40
    by_name = {row["name"]: row for row in listed}
    assert by_name["resnet50"]["parameters"] == 25_557_032
    assert by_name["resnet50"]["macs"] // 10**6 == 4089
    assert by_name["cifar_resnet{6n+2}"]["source"].startswith("He et al. 2015")


def test_models_can_be_filtered(skipline: Command) -> None:
    out = skipline("models", "digits").out
    assert "digits_plain{6n+2}" in out
    assert "resnet50" not in out.replace("skipline models resnet50", "")


@pytest.mark.parametrize("width", [20, 40, 80, 119, 120, 200])
def test_the_list_fits_the_screen(skipline: Command, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Names are folded where it is narrow, and lose nothing; summaries are there where it is wide."""
    monkeypatch.setenv("COLUMNS", str(width))
    out = skipline("models", "preresnet").out
    lines = out.partition("\n{…}")[0].splitlines()
    if width >= 40:
        assert max(map(len, lines)) <= width
    assert any("norm and activation" in line for line in lines) == (width >= 120)
    names = "".join(line.partition("  ")[0].strip() for line in lines)
    listed = json.loads(skipline("models", "preresnet", "--json").out)["models"]
    assert all(row["name"] in names for row in listed)
    assert len(listed) > 5


def test_one_model_is_described(skipline: Command) -> None:
    ended = skipline("models", "cifar_resnet110")
    assert "1,727,962" in ended.out
    assert "252.888 M" in ended.out
    assert "54 blocks" in ended.out
    document = json.loads(skipline("models", "cifar_resnet110", "--json").out)
    assert document["parameters"] == 1_727_962
    assert document["network"]["format"] == "skipline.network"


def test_one_model_is_a_tree_with_shapes_receptive_fields_and_cost(skipline: Command) -> None:
    out = skipline("models", "resnet50", "--image-size", "224").out
    (line,) = [line for line in out.splitlines() if line.startswith("stage4")]
    assert line.split() == ["stage4", "2048×7×7", "427", "14.96", "M", "809.24", "M"]
    assert "└ block2–6 ×5" in out


def test_one_model_fits_a_narrow_screen(skipline: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    first, second, source, *rest = skipline("models", "resnet50").out.splitlines()
    assert (first[:30], second) == ("resnet50: bottleneck blocks: p", "  on the 3×3 (v1.5: torchvision, timm)")
    assert source == "source         He et al. 2015, arXiv 1512.03385"
    assert max(map(len, (first, *rest))) <= 60


def test_one_model_can_be_drawn(skipline: Command, tmp_path: Path) -> None:
    drawn = skipline("models", "cifar_resnet20", "--svg", "net.svg")
    assert (drawn.code, drawn.err) == (0, "drawn into net.svg\n")
    assert (tmp_path / "net.svg").read_text(encoding="utf-8").startswith("<svg ")
    ended = skipline("models", "cifar_resnet20", "--svg", "nowhere/net.svg")
    assert ended.code == 3
    assert "cannot write nowhere/net.svg" in ended.err


def test_a_description_of_ones_own_is_drawn_too(skipline: Command, tmp_path: Path) -> None:
    network = replace(describe("digits_resnet8"), name="mine")
    (tmp_path / "mine.json").write_text(dumps(network), encoding="utf-8")
    ended = skipline("models", "mine.json", "--svg", "mine.svg")
    assert (ended.code, ended.err) == (0, "drawn into mine.svg\n")
    first, source, *_ = ended.out.splitlines()
    assert (first, source.split()) == ("mine: a description of your own", ["source", "mine.json"])
    assert "mine" in (tmp_path / "mine.svg").read_text(encoding="utf-8")
    document = json.loads(skipline("models", "mine.json", "--image-size", "16", "--json").out)
    assert (document["image_size"], document["network"]) == (16, to_json(network))
    gone = skipline("models", "gone.json")
    assert gone.code == 3
    assert "gone.json: the file cannot be read: No such file" in gone.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["models", "resnet18", "--svg", "net.png"], "--svg net.png does not end in .svg"),
        (["models", "--svg", "net.svg"], "--svg net.svg is for one model, and this is a list."),
        (["models", "resnet5O"], "there is no model 'resnet5O'"),
        (["models", "cifar_resnet21"], "the nearest are 20 and 26"),
        (["models", "resnet50", "--image-size", "-3"], "--image-size"),
        (["models", "--image-size", "64"], "--image-size 64 is for one model, and this is a list."),
    ],
)
def test_unknown_models_are_answered(skipline: Command, arguments: list[str], words: str) -> None:
    ended = skipline(*arguments)
    assert ended.code == 2
    assert words in ended.err


def test_doctor_tells_the_machine(skipline: Command) -> None:
    facts = json.loads(skipline("doctor", "--json").out)
    assert facts["torch"].startswith("2.")
    assert facts["threads"] >= 1
    assert isinstance(facts["bf16"], bool)
    assert set(facts["extras"]) == {"heic", "interop", "parquet", "png", "serve"}
    assert facts["kernels"]["name"] in ("fused", "plain")
    text = skipline("doctor").out
    assert f"kernels    {facts['kernels']['name']}: {facts['kernels']['reason']}" in text
    assert "processor" in text
    assert "bf16" in text
