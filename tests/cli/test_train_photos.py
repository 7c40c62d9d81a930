"""`skipline train` on a folder of photos: what the run keeps of it, what stops it, and going on after a stop."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from skipline.data.photos.run_set import load_photo_set
from skipline.train import loop

from .conftest import Command
from .photo_folder import TRAIN, write_photos


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "my photos")


def last_run(tmp_path: Path) -> Path:
    return tmp_path / "runs" / (tmp_path / "runs" / "last").read_text().strip()


def test_a_run_keeps_which_photos_it_learnt_from(skipline: Command, photos: Path, tmp_path: Path) -> None:
    (photos / "cat" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    ended = skipline("train", "my photos", *TRAIN)
    assert ended.code == 0, ended.err
    assert "21 images of 2 classes; 12 training, 4 validation and 4 test images" in ended.err
    assert "validation error" in ended.err
    assert ended.out.startswith("validation error ")
    assert "test error" not in ended.err + ended.out
    listed = skipline("runs")
    assert "validation error" in listed.out
    assert "test error" not in listed.out
    assert "left out: 1 photo (listed in split.json), e.g. cat/torn.jpg" in ended.err
    assert "training from scratch: skipline ships no pretrained weights" in ended.err
    assert "estimated time: less than a minute on cpu" in ended.err
    run = last_run(tmp_path)
    page, card = (run / "report.html").read_text(), (run / "MODEL_CARD.md").read_text()
    assert "validation error after 3 epochs" in page
    assert "test error" not in page
    assert "of 4 images |" in next(
        line for line in card.splitlines() if line.startswith("| validation error, at the end |")
    )
    assert "Test images, if the run has any, were not used." in card
    split = json.loads((run / "split.json").read_text())
    assert split["folder"] == str(photos)
    assert {part: len(entries) for part, entries in split["parts"].items()} == {"train": 12, "val": 4, "test": 4}
    assert [entry["file"] for entry in split["left_out"]] == ["cat/torn.jpg"]
    assert json.loads((run / "classes.json").read_text())["classes"] == ["cat", "dog"]
    assert json.loads((run / "preprocess.json").read_text())["framing"] == {"kind": "whole", "side": 8}
    tested = load_photo_set(run, "test", num_processes=1, show=lambda done, num: None)
    assert {photo.file for photo in tested.photos} == {entry["file"] for entry in split["parts"]["test"]}


def test_what_check_calls_wrong_stops_training_unless_it_is_let_pass(
    skipline: Command, photos: Path, tmp_path: Path
) -> None:
    (photos / "dog" / "copy.png").write_bytes((photos / "cat" / "0.png").read_bytes())
    ended = skipline("train", "my photos", *TRAIN)
    assert ended.code == 3
    assert "my photos has errors that make training unreliable" in ended.err
    assert "(label_conflict)" in ended.err
    assert "skipline check 'my photos' --html check.html" in ended.err
    assert ended.err.rstrip().endswith("To train anyway, if this is intended: --allow label_conflict")
    assert not (tmp_path / "runs").exists()
    assert skipline("train", "my photos", *TRAIN, "--allow", "label_conflict", "--dry-run").code == 0
    assert skipline("train", "my photos", *TRAIN, "--allow", "one_class").code == 2
    assert "--allow is for folders of photos only" in skipline("train", "digits", "--allow", "near_leak").err


def test_a_dry_run_calls_the_images_that_a_run_is_judged_by_as_the_run_does(skipline: Command, photos: Path) -> None:
    """It called those for validation test images, of which a run makes others."""
    del photos
    shown = skipline("train", "my photos", *TRAIN, "--dry-run")
    assert "12 training images and 4 validation images on cpu\n" in shown.out
    assert "test image" not in shown.out
    assert "1,437 training images and 360 test images on cpu\n" in (
        skipline("train", "digits", "--device", "cpu", "--dry-run").out
    )


def test_a_dry_run_shows_the_sizes_that_images_grow_through(skipline: Command, photos: Path) -> None:
    del photos
    large = (*TRAIN, "--image-size", "24")
    shown = skipline("train", "my photos", *large, "--first-size", "0.5", "--dry-run").out
    assert "\ntraining images grow from 12×12 to 24×24; evaluation at 24×24\n" in shown
    assert "training images grow" not in skipline("train", "my photos", *large, "--first-size", "1", "--dry-run").out
    refused = skipline("train", "my photos", *large, "--cutout", "24")
    assert (refused.code, "The largest valid value is 23." in refused.err) == (2, True)


def test_started_again_by_its_launcher_a_run_goes_on_without_what_came_into_the_folder(
    skipline: Command, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder as it is now would be refused, as the test above shows; the run's own photos are all still there."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
    assert skipline("train", "my photos", *TRAIN).code == 0
    run = last_run(tmp_path)
    (run / "DONE").unlink()
    (photos / "dog" / "copy.png").write_bytes((photos / "cat" / "0.png").read_bytes())
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    ended = skipline("train", "my photos", *TRAIN)
    assert ended.code == 0, ended.err
    assert (run / "DONE").exists()
    assert [path for path in (tmp_path / "runs").iterdir() if path.is_dir()] == [run]


def test_a_table_and_given_parts_are_trained_on(skipline: Command, photos: Path, tmp_path: Path) -> None:
    files = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    rows = [f"{file},{file.split('/')[0]},{'val' if '9' in file else 'train'}" for file in files]
    (tmp_path / "labels.csv").write_text("file,label,split\n" + "".join(f"my photos/{row}\n" for row in rows))
    ended = skipline("train", "labels.csv", *TRAIN, "--dry-run")
    assert ended.code == 0, ended.err
    assert "20 images of 2 classes; 18 training, 2 validation and 0 test images" in ended.err


def test_training_from_kept_photos_is_training_from_the_photos(skipline: Command, photos: Path, tmp_path: Path) -> None:
    del photos
    flags = (*TRAIN, "--epochs", "1", "--policy", "trivial")
    models: list[bytes] = []
    for cache in ("off", "kept", "kept"):
        ended = skipline("train", "my photos", *flags, "--cache", cache)
        assert ended.code == 0, ended.err
        models.append((last_run(tmp_path) / "model.safetensors").read_bytes())
    assert models[0] == models[1] == models[2]
    assert "no photo had to be decoded: all pixels are kept in kept/my-photos-" in ended.err
    run = last_run(tmp_path)
    for name in ("DONE", "model.safetensors", "checkpoints/last/checkpoint.safetensors"):
        (run / name).unlink()
    (run / "metrics.jsonl").write_text("")
    resumed = skipline("resume", str(run), "--cache", "kept")
    assert resumed.code == 0, resumed.err
    assert "no photo had to be decoded" in resumed.err
    assert (run / "model.safetensors").read_bytes() == models[0]


@pytest.mark.parametrize("cache", ["off", "kept"])
def test_photos_that_vanish_while_a_run_trains_change_nothing(
    cache: str, skipline: Command, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("train", "my photos", *TRAIN, "--epochs", "2", "--cache", cache)
    assert skipline(*flags).code == 0
    undisturbed = last_run(tmp_path)
    evaluate, num_left = loop.evaluate_together, []

    def losing(*arguments: Any) -> Any:
        num_left.append(len(list(photos.rglob("*.png"))))
        shutil.rmtree(photos, ignore_errors=True)
        return evaluate(*arguments)

    monkeypatch.setattr(loop, "evaluate_together", losing)
    ended = skipline(*flags)
    assert ended.code == 0, ended.err
    assert num_left == [20, 0]  # behind the first epoch and the second
    assert last_run(tmp_path) != undisturbed
    assert (last_run(tmp_path) / "model.safetensors").read_bytes() == (undisturbed / "model.safetensors").read_bytes()


def test_settings_for_photos_are_refused_elsewhere(skipline: Command) -> None:
    assert "--cache is for folders of photos only. Leave it out." in skipline("train", "digits", "--cache", "x").err
    ended = skipline("train", "digits", "--image-size", "8")
    assert ended.code == 2
    assert "--image-size (setting photos) is for folders of photos only, not for digits. Leave it out." in ended.err


def test_augmentation_and_patience_are_settings_of_the_run(skipline: Command, photos: Path) -> None:
    del photos
    flags = ("--crop-scale", "0.5", "--policy", "rand", "--erasing", "0.1", "--cutmix", "1", "--balanced")
    ended = skipline("train", "my photos", *TRAIN, *flags, "--patience", "3", "--dry-run", "--json")
    recipe = json.loads(ended.out)["recipe"]
    photo = recipe["photo_augment"]
    assert (photo["crop_scale"], photo["policy"], photo["erasing"]) == (0.5, "rand", 0.1)
    assert (recipe["augment"]["cutmix"], recipe["balanced"], recipe["patience"]) == (1.0, True, 3.0)


def test_a_run_begins_with_the_weights_of_another(skipline: Command, photos: Path, tmp_path: Path) -> None:
    assert skipline("train", "my photos", *TRAIN, "--epochs", "1").code == 0
    first = last_run(tmp_path)
    write_photos(tmp_path / "other", names=("bird", "fish", "hare"))
    del photos
    ended = skipline("train", "other", "--from", "runs/last", "--epochs", "1", "--device", "cpu")
    assert ended.code == 0, ended.err
    assert "images of 8×8" in ended.err, "the size is the file's"
    assert "batches of 16 images: about " in ended.err
    assert "that may be used\n" in ended.err
    assert f"starting from the weights of {first}/model.safetensors, with a new classifier" in ended.err
    recipe = json.loads((last_run(tmp_path) / "resolved.json").read_text())
    assert (recipe["network"]["name"], recipe["head_epochs"]) == ("digits_resnet8", 1)
    assert recipe["optimiser"]["layer_decay"] == 0.75


def test_a_run_ends_early_where_its_error_no_longer_falls(skipline: Command, photos: Path, tmp_path: Path) -> None:
    del photos
    ended = skipline("train", "my photos", *TRAIN, "--epochs", "40", "--lr", "1e-9", "--patience", "2")
    assert ended.code == 0, ended.err
    run = last_run(tmp_path)
    errors = [json.loads(line)["test_error"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert errors.index(min(errors)) == len(errors) - 3, "the best is two epochs old"
    assert (run / "DONE").exists()
    assert (
        f"ended after {len(errors)} of 40 epochs: 2 without a lower validation error; the best is in checkpoints/best"
        in ended.out
    )


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--image-size", "big"), "photos.image_size is 'big'; expected a whole number or auto"),
        (("--image-size", "0"), "an image size of 0 pixels"),
        (("--val-share", "1.5"), "expected at least 0 each, and less than 1 together"),
        (("--val-share", "0"), "no image is held out to judge the training by"),
        (("--model", "resnet18"), "resnet18 needs images of at least 64×64 pixels; these have 8×8"),
    ],
)
def test_settings_that_cannot_be_are_told(skipline: Command, photos: Path, flags: tuple[str, ...], said: str) -> None:
    del photos
    ended = skipline("train", "my photos", *TRAIN, *flags)
    assert ended.code in (2, 3)
    assert said in ended.err
