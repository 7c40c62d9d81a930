"""`skipline predict`: the model's own answers for files named in every way, what cannot be read, and the formats."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import sys
from pathlib import Path

import pytest
import torch

from skipline.data.photos.framing import Framing
from skipline.data.preprocess import Preprocess
from skipline.init import build
from skipline.weights import TrainedModel, save_model
from skipline.zoo import describe

from .conftest import Command
from .photo_folder import write_photos

CLASSES = ("cat", "dog", "<b>")


@pytest.fixture
def model(tmp_path: Path) -> TrainedModel:
    """A model of three classes in model.safetensors, beside photos/ with two classes of three photos."""
    write_photos(tmp_path / "photos", num=3)
    net = build(describe("digits_resnet8", num_classes=3, in_channels=3), seed=1).eval()
    made = TrainedModel(net, Preprocess((90.0, 80.0, 70.0), (60.0, 50.0, 40.0), Framing(8)), CLASSES)
    save_model(tmp_path / "model.safetensors", made)
    return made


@pytest.mark.parametrize(("verb", "module"), [("predict", "photo_predictions"), ("evaluate", "predictions")])
def test_freed_memory_is_kept(
    verb: str, module: str, skipline: Command, model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("skipline.allocator.keep_freed_memory", lambda: asked.append(verb))
    monkeypatch.setattr(f"skipline.evaluate.{module}.raise_trim_threshold", lambda: asked.append(module))
    assert skipline(verb, "model.safetensors", "photos").code == 0
    assert asked == [verb, module]  # whoever calls the function is served too


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_it_says_what_the_model_says_of_the_pixels_as_training_saw_them(
    skipline: Command, model: TrainedModel, tmp_path: Path
) -> None:
    import numpy as np
    from PIL import Image

    ended = skipline("predict", "model.safetensors", "photos", "--top", "2")
    assert ended.code == 0, ended.err
    rows = read(ended.out)
    names = [f"photos/{name}/{number}.png" for name in ("cat", "dog") for number in range(3)]
    assert [row["file"] for row in rows] == names
    mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in ((90.0, 80.0, 70.0), (60.0, 50.0, 40.0)))
    for row in rows:
        with Image.open(tmp_path / row["file"]) as picture:
            small = np.array(picture.resize((8, 8), Image.Resampling.BILINEAR))
        image = torch.from_numpy(small).permute(2, 0, 1)[None].float()
        with torch.no_grad():
            shares = model.net((image - mean) / std).softmax(dim=1)[0]
        best = shares.argsort(descending=True)
        assert (row["class"], row["class2"]) == (CLASSES[best[0]], CLASSES[best[1]])
        assert float(row["probability"]) == pytest.approx(float(shares[best[0]]), abs=2e-6)
        assert row["error"] == ""


def test_files_patterns_and_a_list_name_photos_and_what_is_unreadable_is_told(
    skipline: Command, model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del model
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (tmp_path / "a [1].png").write_bytes((tmp_path / "photos/cat/0.png").read_bytes())
    monkeypatch.setattr("sys.stdin", io.StringIO("photos/cat/1.png\n\n \t\ngone.png\r\n"))
    ended = skipline(
        "predict", "model.safetensors", "a [1].png", "torn.jpg", "photos/d*/?.png", "-", "--format", "jsonl"
    )
    assert ended.code == 0, ended.err
    found = [json.loads(line) for line in ended.out.splitlines()]
    dogs = [f"photos/dog/{number}.png" for number in range(3)]
    assert [row["file"] for row in found] == ["a [1].png", "torn.jpg", *dogs, "photos/cat/1.png", "gone.png"]
    assert found[1]["error"] == "it is cut short: decoding ran out of data."
    assert found[6]["error"] == "no such file or directory.", "the name stands beside it"
    assert all(len(row["classes"]) == 1 for row in found if "error" not in row)
    assert "5 photos predicted, 2 unreadable" in ended.err
    assert "cannot read gone.png: no such file or directory." in ended.err


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode there")
def test_names_on_stdin_need_not_be_unicode(
    skipline: Command, model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With streams as a program has them where everything is UTF-8."""
    del model
    name = b"caf\xe9.png"
    (tmp_path / os.fsdecode(name)).write_bytes((tmp_path / "photos/cat/0.png").read_bytes())
    out, err = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(name + b"\ngone\xff\n"), "utf-8", "strict"))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out, "utf-8", "strict"))
    monkeypatch.setattr("sys.stderr", io.TextIOWrapper(err, "utf-8", "backslashreplace"))
    ended = skipline("predict", "model.safetensors", "-", "--jobs", "1")
    sys.stdout.flush()
    sys.stderr.flush()
    assert ended.code == 0, err.getvalue()
    assert b"1 photo predicted, 1 unreadable" in err.getvalue()
    assert name in out.getvalue()


def test_a_file_is_written_whole_or_not_at_all(skipline: Command, model: TrainedModel, tmp_path: Path) -> None:
    del model
    (tmp_path / "found.jsonl").write_text("what was there before\n")
    assert skipline("predict", "model.safetensors", "photos", "--out", "found.jsonl").out == ""
    assert len((tmp_path / "found.jsonl").read_text().splitlines()) == 6
    assert skipline("predict", "model.safetensors", "photos", "--json").out == (tmp_path / "found.jsonl").read_text()
    ended = skipline("predict", "model.safetensors", "photos", "--out", "nowhere/found.csv")
    assert ended.code == 3
    assert "cannot write nowhere/found.csv: the folder is not there" in ended.err
    before = (tmp_path / "found.jsonl").read_text()
    ended = skipline("predict", "model.safetensors", "gone.png", "--out", "found.jsonl")
    assert (ended.code, "no photo could be read" in ended.err) == (3, True)
    assert (tmp_path / "found.jsonl").read_text() == before
    assert not list(tmp_path.rglob("*.partial"))


EXAMPLE = "e.g. find new -name '*.jpg' | skipline predict model.safetensors -"


@pytest.mark.parametrize(
    ("arguments", "listed", "said"),
    [
        (("-",), "", f"stdin (-) named no photo. Give it a path on each line, {EXAMPLE}"),
        (("-",), "\n  \nempty\n", f"stdin (-) named no photo. Give it a path on each line, {EXAMPLE}"),
        (("empty",), "", "there is no photo in empty or below; to see what is there: skipline check empty."),
        (("emp*",), "", "there is no photo in emp* or below."),  # a pattern is no folder to check
        (
            ("empty", "-"),
            "",
            "there is no photo in empty or below; to see what is there: skipline check empty. stdin (-) named no "
            f"photo. Give it a path on each line, {EXAMPLE}",
        ),
    ],
)
def test_where_nothing_is_named_it_says_what_to_name(
    skipline: Command,
    model: TrainedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    listed: str,
    said: str,
) -> None:
    del model
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr("sys.stdin", io.StringIO(listed))
    ended = skipline("predict", "model.safetensors", *arguments)
    assert (ended.code, ended.err) == (3, f"error: {said}\n")


def test_a_folder_without_a_photo_is_told_beside_others(skipline: Command, model: TrainedModel, tmp_path: Path) -> None:
    del model
    (tmp_path / "empty").mkdir()
    ended = skipline("predict", "model.safetensors", "photos/cat/0.png", "empty", "photos/dog/0.png", "--jobs", "1")
    assert (ended.code, len(read(ended.out))) == (0, 2)
    assert ended.err == "there is no photo in empty or below\n2 photos predicted, 0 unreadable\n"


def test_a_pattern_that_no_file_matches_is_told_as_one(skipline: Command, model: TrainedModel, tmp_path: Path) -> None:
    del model
    (tmp_path / "a [x].png").write_text("words")
    ended = skipline("predict", "model.safetensors", "new/*.png", "a [x].png", "--jobs", "1")
    assert ended.code == 3
    pattern, text = read(ended.out)
    assert (pattern["file"], pattern["error"]) == ("new/*.png", "no file matches this pattern.")
    assert (text["file"], text["error"][:10]) == ("a [x].png", "it is text"), "a name that could be a pattern"
    first, *_, last = ended.err.splitlines()
    assert first == "cannot read new/*.png: no file matches this pattern."
    assert last == "error: no photo could be read, for the reasons above."


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("gone.png",), 3, "no photo could be read"),
        (("photos", ""), 2, "one of the paths is empty. Name files, folders or patterns, or - for a list on stdin."),
        (("photos", "--top", "4"), 2, "--top is 4, but the model has 3 classes"),
        (("photos", "--format", "xml"), 2, "the format is 'xml'; expected --format csv, jsonl or parquet"),
        (
            ("photos", "--out", "photos"),
            2,
            "--out photos is a folder. Name a file, e.g. in it: --out photos/predictions.c",
        ),
        (
            ("photos", "--out", "photos", "--json"),
            2,
            "is a folder. Name a file, e.g. in it: --out photos/predictions.jsonl",
        ),
        (
            ("photos", "--out", "my found"),
            2,
            "--out 'my found' has no suffix that tells the format. Give it one, e.g. --out 'my found.csv'",
        ),
        (("photos", "--out", "name"), 2, "e.g. --out name.csv, or give the format: --format csv, jsonl or parquet"),
        (("photos", "--out", "name.xml"), 2, "the format is 'xml'; expected --format csv, jsonl or parquet"),
        (("photos", "--format", "csv", "--json"), 2, "--json is --format jsonl, and --format is csv"),
        (("photos", "--format", "parquet"), 2, "Name a file: --out predictions.parquet"),
        (("photos", "--image-size", "9"), 2, "was trained on images of 8 pixels"),
    ],
)
def test_what_cannot_be_is_told(
    skipline: Command, model: TrainedModel, arguments: tuple[str, ...], code: int, said: str
) -> None:
    del model
    ended = skipline("predict", "model.safetensors", *arguments)
    assert ended.code == code
    assert said in ended.err


def test_a_model_that_saw_no_photos_is_told_their_size(skipline: Command, model: TrainedModel, tmp_path: Path) -> None:
    save_model(tmp_path / "model.safetensors", TrainedModel(model.net, Preprocess((1.0,) * 3, (1.0,) * 3), CLASSES))
    assert "Give it, e.g. --image-size 32" in skipline("predict", "model.safetensors", "photos").err
    assert skipline("predict", "model.safetensors", "photos", "--image-size", "8").code == 0


def test_parquet_is_an_extra(skipline: Command, model: TrainedModel, tmp_path: Path) -> None:
    del model
    ended = skipline("predict", "model.safetensors", "photos", "--out", "found.parquet")
    if importlib.util.find_spec("pyarrow") is None:
        assert ended.code == 5
        assert "pip install 'skipline[parquet]'" in ended.err
        assert not (tmp_path / "found.parquet").exists()
        return
    from pyarrow import parquet  # pyright: ignore[reportMissingImports]

    assert parquet.read_table(tmp_path / "found.parquet").num_rows == 6
