"""The photos of a run loaded again: the pixels of the split, its labels, and what is no longer there."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from skipline.data.error import DataError
from skipline.data.photos import framed as photo_pixels
from skipline.data.photos.classes import Classes
from skipline.data.photos.decode import LOCAL
from skipline.data.photos.framing import Framing, framed
from skipline.data.photos.run_set import load_photo_set, read_preprocess
from skipline.data.photos.split import Split, SplitPhoto
from skipline.data.preprocess import Preprocess
from skipline.files import dump_json
from skipline.store import is_photo_run

from ..pictures import encoded, noise

PREPROCESS = Preprocess((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), Framing(8))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run on four photos, of which three are learnt from."""
    photos = tmp_path / "photos"
    photos.mkdir()
    entries = []
    for number in range(4):
        content = encoded(noise(number, side=24), format="PNG")
        (photos / f"{number}.png").write_bytes(content)
        entries.append(SplitPhoto(f"{number}.png", number % 2, hashlib.sha256(content).hexdigest()))
    folder = tmp_path / "run"
    folder.mkdir()
    split = Split(str(photos), 0, tuple(entries[:3]), (entries[3],), ())
    (folder / "classes.json").write_text(dump_json(Classes(("cat", "dog")).to_json()))
    (folder / "split.json").write_text(dump_json(split.to_json()))
    (folder / "preprocess.json").write_text(dump_json(PREPROCESS.to_json()))
    return folder


def nothing(done: int, num: int) -> None:
    del done, num


def test_a_part_has_its_photos_in_the_order_of_the_split(run: Path) -> None:
    shown: list[tuple[int, int]] = []
    found = load_photo_set(run, "train", num_processes=1, show=lambda done, num: shown.append((done, num)))
    assert shown == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert found.class_names == ("cat", "dog")
    assert found.preprocess == PREPROCESS
    assert [photo.file for photo in found.photos] == ["0.png", "1.png", "2.png"]
    assert found.images.labels.tolist() == [0, 1, 0]
    for number, image in enumerate(found.images.images):
        expected = noise(number, side=24).resize((8, 8), Image.Resampling.BILINEAR)
        assert torch.equal(image, torch.from_numpy(np.array(expected)).permute(2, 0, 1))


def test_what_is_gone_or_changed_is_told_and_the_rest_is_loaded(run: Path, tmp_path: Path) -> None:
    (tmp_path / "photos" / "0.png").unlink()
    (tmp_path / "photos" / "2.png").write_bytes((tmp_path / "photos" / "3.png").read_bytes())
    found = load_photo_set(run, "train", num_processes=1, show=nothing)
    assert [photo.file for photo in found.photos] == ["1.png"]
    assert found.images.labels.tolist() == [1]
    assert [photo.file for photo, _ in found.lost] == ["0.png", "2.png"]
    assert "no such file" in found.lost[0][1].why
    assert "its bytes are not those that the split names" in found.lost[1][1].why


def test_photos_that_have_moved_are_found_where_they_are_said_to_be(run: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"no photo of the val part can be read in .*If they have moved"):
        load_photo_set(run, "val", num_processes=1, show=nothing)
    found = load_photo_set(run, "val", root=tmp_path / "elsewhere", num_processes=1, show=nothing)
    assert len(found.images) == 1


def test_a_part_without_photos_is_refused(run: Path) -> None:
    with pytest.raises(DataError, match="its test part has no photo"):
        load_photo_set(run, "test", num_processes=1, show=nothing)


def test_photos_that_do_not_fit_into_memory_are_refused_before_they_are_read(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_pixels, "free_system_memory", lambda: 500)
    with pytest.raises(
        DataError, match=r"3 photos of 8×8 pixels would fill 0\.6 KiB, and 0\.5 KiB of memory .* --image-size 5 or less"
    ):
        load_photo_set(run, "train", num_processes=1, show=nothing)  # 3 · 3 · 8² = 576 bytes, and 300 may be taken


def test_a_run_on_photos_is_known_by_how_they_were_framed(run: Path, tmp_path: Path) -> None:
    assert is_photo_run(run)
    (run / "split.json").write_text("torn")
    assert is_photo_run(run), "damage is told where the photos are read"
    (run / "preprocess.json").write_text(dump_json(replace(PREPROCESS, framing=None).to_json()))
    assert not is_photo_run(run)
    assert not is_photo_run(tmp_path)


def test_a_preprocessing_keeps_its_framing() -> None:
    assert Preprocess.from_json(PREPROCESS.to_json()) == PREPROCESS
    plain = Preprocess((1.0,), (2.0,))
    assert Preprocess.from_json(plain.to_json()) == plain


@pytest.mark.parametrize(
    "framing", [None, {"kind": "whole"}, {"kind": "half", "side": 8}, {"kind": "whole", "side": 0}]
)
def test_a_framing_of_another_form_is_refused(framing: object) -> None:
    with pytest.raises(DataError, match=r"framing: expected a JSON object of kind 'whole'|an image size of 0 pixels"):
        Preprocess.from_json({**PREPROCESS.to_json(), "framing": framing})


def test_the_whole_picture_is_seen_whatever_its_sides() -> None:
    halves = Image.new("RGB", (64, 16), (0, 0, 0))
    halves.paste((255, 255, 255), (32, 0, 64, 16))
    image = framed(encoded(halves, format="PNG"), Framing(8), limits=LOCAL, name="halves.png")
    assert image.shape == (3, 8, 8)
    assert (image[:, :, :3] == 0).all()
    assert (image[:, :, 5:] == 255).all()


def test_a_large_jpeg_decoded_small_is_nearly_the_same() -> None:
    picture = noise(3, side=512)
    small = framed(encoded(picture, format="JPEG", quality=95), Framing(32), limits=LOCAL, name="large.jpg")
    exact = np.asarray(picture.resize((32, 32), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    assert np.abs(small.astype(int) - exact).max() <= 6


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, r"No such file or directory\."),
        ("{", r"it is not JSON \(Expecting property name .*\)\."),
        ("[" * 100_000, r"it is not JSON \(.*recursion.*\)\."),
    ],
)
def test_a_preprocessing_that_cannot_be_read_is_named_once(run: Path, text: str | None, why: str) -> None:
    path = run / "preprocess.json"
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError) as raised:
        read_preprocess(path)
    said = f"{re.escape(str(path))}, the preprocessing of the run's images, cannot be read: "
    assert re.fullmatch(said + why, str(raised.value))
