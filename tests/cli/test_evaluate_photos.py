"""Evaluating, comparing and checking with a run on photos."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

from .conftest import Command, done_in
from .photo_folder import TRAIN, write_photos

pytestmark = pytest.mark.slow  # it trains on photos, which takes processes of their own


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos/ and a run on them; the second cat is larger than the others."""
    folder = tmp_path_factory.mktemp("trained")
    photos = write_photos(folder / "photos", num=20)
    for name in ("cat/1.png", "dog/2.png", "dog/3.png"):
        with Image.open(photos / name) as image:
            image.resize((48, 40)).save(photos / name)
    done_in(folder, ("train", "photos", *TRAIN, "--epochs", "12", "--test-share", "0.4"))
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """The run, in tmp_path/runs, its photos where they were."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    return tmp_path / "runs" / (tmp_path / "runs" / "last").read_text().strip()


def test_the_test_part_is_asked_and_the_validation_part_tells_the_temperature(skipline: Command, run: Path) -> None:
    ended = skipline("evaluate", str(run), "--json", "--device", "cpu")
    assert ended.code == 0, ended.err
    document = json.loads(ended.out)
    split = json.loads((run / "split.json").read_text())
    assert (document["part"], document["num_images"]) == ("test", len(split["parts"]["test"]))
    assert document["tempered"]["fitted_on"] == "the validation images"
    assert len(document["tempered"]["temperatures"]) == 1
    tested = {entry["file"] for entry in split["parts"]["test"]}
    assert {entry["file"] for entry in document["worst_errors"]} <= tested
    assert json.loads((run / "evaluation.json").read_text()) == document
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    val = json.loads(skipline("evaluate", str(run), "--part", "val", "--json", "--device", "cpu").out)
    assert val["error"] == last["test_error"], "what training judged itself by"
    page = skipline("report", str(run))
    assert page.code == 0, page.err


def test_whatever_computes_predictions_keeps_freed_memory(
    skipline: Command, run: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("skipline.allocator.keep_freed_memory", lambda: asked.append(""))
    commands = (["report", "RUN"], ["compare", "RUN", "RUN"], ["check", "PHOTOS", "--model", "RUN", "--jobs", "1"])
    for number, command in enumerate(commands, start=1):
        ended = skipline(*({"RUN": str(run), "PHOTOS": str(trained / "photos")}.get(word, word) for word in command))
        assert ended.code == 0, ended.err
        assert len(asked) >= number, command


def test_of_other_folders_what_was_learnt_is_left_out(skipline: Command, run: Path, trained: Path) -> None:
    split = json.loads((run / "split.json").read_text())["parts"]
    ended = skipline("evaluate", str(run), str(trained / "photos"), "--json", "--device", "cpu")
    document = json.loads(ended.out)
    assert document["num_learnt"] == len(split["train"])
    assert document["num_images"] == len(split["val"]) + len(split["test"])
    assert document["are_labels_judged"] is True
    assert {s["name"] for s in document["slices"]} == {"brightness", "longer side"}
    unknown = skipline("evaluate", str(run / "model.safetensors"), str(trained / "photos"), "--json", "--device", "cpu")
    document = json.loads(unknown.out)
    assert (document["num_images"], document["are_labels_judged"]) == (40, False), "nobody knows what it has learnt"


def test_a_label_that_the_model_doubts_is_a_finding(
    skipline: Command, run: Path, trained: Path, tmp_path: Path
) -> None:
    """Of photos that it has not learnt, where half of the dogs lie among the cats: those it finds are such dogs."""
    held_out = json.loads((run / "split.json").read_text())["parts"]["test"]
    (tmp_path / "new" / "cat").mkdir(parents=True)
    (tmp_path / "new" / "dog").mkdir()
    dogs: list[str] = [entry["file"] for entry in held_out if entry["file"].startswith("dog/")]
    moved: dict[str, str] = {file: f"cat/in truth {file[4:]}" for file in dogs[::2]}
    for entry in held_out:
        file = str(entry["file"])
        shutil.copy(trained / "photos" / file, tmp_path / "new" / moved.get(file, file))
    ended = skipline("check", "new", "--model", str(run), "--json", "--jobs", "1")
    (found,) = [f for f in json.loads(ended.out)["findings"] if f["name"] == "suspicious_label"]
    assert found["severity"] == "warning"
    assert {place["files"][0] for place in found["places"]} <= set(moved.values())
    assert found["places"][0]["what"].startswith("likely dog (")
    assert f"{len(held_out)} labels judged by {run}" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["evaluate", "RUN", "others"],
            3,
            "has class fish, which the model does not have. The model's classes are cat, dog.",
        ),
        (["evaluate", "RUN", "others", "--part", "val"], 2, "--part chooses a part of the run's own photos"),
        (["evaluate", "RUN", "--part", "all"], 2, "--part has 'all'; expected 'test' or 'val' or 'train'"),
        (["check", "others", "--model", "model.safetensors"], 2, "does not tell which photos it has learnt from"),
    ],
)
def test_what_does_not_fit_is_said(
    skipline: Command, run: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    write_photos(tmp_path / "others", num=5, names=("cat", "fish"))
    ended = skipline(*(str(run) if argument == "RUN" else argument for argument in arguments))
    assert ended.code == code
    assert message in ended.err


def test_runs_that_held_out_other_photos_are_refused_at_once_and_told_how_not_to(
    skipline: Command, run: Path, trained: Path
) -> None:
    """With another seed, then on the first's split with that seed: the command is the one that is told."""
    photos = str(trained / "photos")
    flags = (*TRAIN, "--epochs", "1")
    assert skipline("train", photos, *flags, "--test-share", "0.4", "--seed", "1").code == 0
    ended = skipline("compare", str(run), "runs/last")
    assert (ended.code, ended.out) == (2, "")
    assert "have different test photos (split with the seeds 0 and 1)" in ended.err
    assert "evaluating" not in ended.err
    told = shlex.split(ended.err.rpartition("config.toml: ")[2])
    assert told == ["skipline", "train", "photos", "--split-from", str(run)]
    again = skipline("train", photos, *told[3:], *flags, "--seed", "1")
    assert again.code == 0, again.err
    compared = skipline("compare", str(run), "runs/last", "--data", photos, "--json")
    assert compared.code == 0, compared.err
    assert json.loads(compared.out)["num_images"] == 16
    moved = trained / "photos"
    moved.rename(trained / "elsewhere")
    try:
        blind = skipline("compare", str(run), "runs/last", "--report", "page.html")
    finally:
        (trained / "elsewhere").rename(moved)
    assert blind.code == 0, blind.err
    assert "the page has no pictures: " in blind.err
    assert "<img" not in Path("page.html").read_text(encoding="utf-8")
    refused = skipline("train", photos, *flags, "--split-from", str(run), "--val-share", "0.2")
    assert (refused.code, "leave val_share and test_share out" in refused.err) == (2, True)
    assert "there is no run runs/none" in skipline("train", photos, *flags, "--split-from", "runs/none").err
