"""The split: by content, stratified, copies together, the same on every machine."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from skipline.data.error import DataError
from skipline.data.photos.classes import Classes
from skipline.data.photos.decode import Record
from skipline.data.photos.duplicates import Duplicates
from skipline.data.photos.fact import PhotoFact
from skipline.data.photos.fingerprint import LOOK_BYTES
from skipline.data.photos.folder import Photo, PhotoFolder
from skipline.data.photos.sighting import Part
from skipline.data.photos.split import Split, load_split, split_photos
from skipline.files import dump_json, write_whole

RECORD = Record(format="PNG", height=1, width=1, mode="RGB", orientation=1, traits=())
ALONE = Duplicates((), (), {})


def folder_of(*photos: Photo) -> PhotoFolder:
    return PhotoFolder(Path("/photos"), "classes", "", Classes(("cat", "dog")), photos, (), ())


def content(name: str) -> bytes:
    return hashlib.sha256(name.encode(errors="surrogateescape")).digest()


def facts_of(folder: PhotoFolder) -> dict[int, PhotoFact]:
    """Each photo's content is its base name."""
    return {
        index: PhotoFact(content(photo.name.rpartition("/")[2]), 1, RECORD, bytes(LOOK_BYTES))
        for index, photo in enumerate(folder.photos)
    }


def animals(cats: int, dogs: int, *, part: Part = "all") -> list[Photo]:
    return [
        *(Photo(f"cat/c{number}", 0, part) for number in range(cats)),
        *(Photo(f"dog/d{number}", 1, part) for number in range(dogs)),
    ]


def split(
    folder: PhotoFolder, duplicates: Duplicates = ALONE, *, seed: int = 0, val: float = 0.2, test: float = 0.0
) -> Split:
    return split_photos(folder, facts_of(folder), duplicates, seed=seed, val_share=val, test_share=test)


def names(split: Split, part: Part) -> set[str]:
    return {photo.file for photo in split.part(part)}


def test_every_class_gives_its_share_and_every_photo_is_in_one_part() -> None:
    folder = folder_of(*animals(100, 30))
    made = split(folder, val=0.2, test=0.1)
    for photos, cats, dogs in ((made.train, 70, 21), (made.val, 20, 6), (made.test, 10, 3)):
        labels = [photo.label for photo in photos]
        assert (labels.count(0), labels.count(1)) == (cats, dogs)
    assert len(made.part("all")) == len(names(made, "all")) == 130
    assert made.train[0].sha256 == content(made.train[0].file.rpartition("/")[2]).hex()


def test_it_depends_on_content_and_seed_alone() -> None:
    photos = animals(40, 40)
    first = split(folder_of(*photos))
    assert split(folder_of(*photos)) == first
    turned = split(folder_of(*reversed(photos)))
    assert names(turned, "val") == names(first, "val")
    renamed = [Photo(photo.name.replace("cat/", "cat/2024/"), photo.label, "all") for photo in photos]
    assert {name.replace("2024/", "") for name in names(split(folder_of(*renamed)), "val")} == names(first, "val")
    assert names(split(folder_of(*photos), seed=1), "val") != names(first, "val")


def test_new_photos_move_few_old_ones() -> None:
    photos = animals(100, 100)
    before, after = names(split(folder_of(*photos)), "val"), names(split(folder_of(*animals(110, 100))), "val")
    assert len(before - after) <= 5


def test_copies_stay_together() -> None:
    photos = animals(40, 40)
    groups = [tuple(range(start, start + 4)) for start in range(0, 40, 4)]
    duplicates = Duplicates((), tuple(groups), {index: group[0] for group in groups for index in group})
    made = split(folder_of(*photos), duplicates)
    val = names(made, "val")
    for group in groups:
        assert len({photos[index].name in val for index in group}) == 1
    assert sum(name.startswith("cat") for name in val) == 8


def test_copies_in_two_classes_stay_together_too() -> None:
    photos = animals(20, 20)
    duplicates = Duplicates(((0, 20),), (), {0: 0, 20: 0})
    for seed in range(8):
        made = split(folder_of(*photos), duplicates, seed=seed)
        assert len({photos[index].name in names(made, "val") for index in (0, 20)}) == 1


def test_given_parts_stay() -> None:
    photos = [*animals(20, 20, part="train"), *(Photo(f"v{number}", 0, "val") for number in range(3))]
    made = split(folder_of(*photos), val=0.5)
    assert names(made, "val") == {"v0", "v1", "v2"}
    assert len(made.train) == 40
    with_test = split(folder_of(*photos), val=0.5, test=0.1)
    assert names(with_test, "val") == {"v0", "v1", "v2"}
    assert len(with_test.test) == 4


def test_one_large_group_leaves_something_to_learn_from() -> None:
    photos = animals(6, 6)
    duplicates = Duplicates(((0, 1, 2, 3, 4),), (), dict.fromkeys(range(5), 0))
    made = split(folder_of(*photos), duplicates, val=0.9)
    assert any(photo.label == 0 for photo in made.train)


def test_a_class_too_small_says_what_to_do() -> None:
    with pytest.raises(DataError) as raised:
        split(folder_of(*animals(20, 3)))
    assert str(raised.value) == (
        "/photos: class dog has 3 images; 5 are needed for a split. Add images, or give a validation part of your own, "
        "a folder val/ beside train/."
    )
    split(folder_of(*animals(20, 3), Photo("v", 0, "val")))  # nothing is split


@pytest.mark.parametrize(("val", "test"), [(-0.1, 0), (0.5, 0.5), (1, 0)])
def test_shares_that_leave_nothing_are_refused(val: float, test: float) -> None:
    with pytest.raises(DataError, match="expected at least 0 each, and less than 1 together"):
        split(folder_of(*animals(20, 20)), val=val, test=test)


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    made = split(folder_of(*animals(10, 10), Photo("cat/\udcff\n<b>", 0, "all")), test=0.2)
    write_whole(tmp_path / "split.json", dump_json(made.to_json()))
    assert load_split(tmp_path / "split.json") == made


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "other"}, "expected a JSON object with format 'skipline.split'"),
        ({"version": 2}, "version 2 is not readable here; expected 1"),
        ({"seed": "0"}, "expected a whole number as seed"),
        ({"folder": ""}, "expected the path of the photos as folder"),
        ({"parts": {"train": []}}, "and the parts train, val, test"),
        ({"parts": {"train": {}, "val": [], "test": []}}, "part train must be a list"),
        ({"parts": {"train": [{"file": "a"}], "val": [], "test": []}}, "train, entry 0: expected file, label, sha256"),
        (
            {"parts": {"train": [{"file": "../a", "label": 0, "sha256": "0" * 64}], "val": [], "test": []}},
            "leads out of the folder of photos",
        ),
        (
            {"parts": {"train": [{"file": "a", "label": 0, "sha256": "xyz"}], "val": [], "test": []}},
            "sha256 must be 64 hexadecimal digits; found 'xyz'",
        ),
    ],
)
def test_a_manifest_of_another_form_is_refused_by_name(changes: dict[str, object], said: str, tmp_path: Path) -> None:
    document = split(folder_of(*animals(10, 10))).to_json() | changes
    (tmp_path / "split.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match=said) as raised:
        load_split(tmp_path / "split.json")
    assert str(raised.value).startswith(str(tmp_path / "split.json"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No such file or directory"),
        ("{", r"it is not JSON \(Expecting property name .*\)"),
        ("[" * 100_000, r"it is not JSON \(.*recursion.*\)"),
        ("\udcff", r"it is not JSON \(.*utf-8.*\)"),
    ],
)
def test_a_manifest_that_cannot_be_read_says_what_to_do(text: str | None, why: str, tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    if text is not None:
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError) as raised:
        load_split(path)
    said = f"{re.escape(str(path))}, the list of the run's photos, cannot be read: {why}"
    assert re.fullmatch(rf"{said}\. Restore it, or train again with `skipline train`\.", str(raised.value))


@pytest.mark.parametrize("version", ["x", -1])
def test_a_version_that_is_none_is_not_of_a_newer_skipline(version: object, tmp_path: Path) -> None:
    document = split(folder_of(*animals(10, 10))).to_json() | {"version": version}
    (tmp_path / "split.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match=rf"version {version!r} is not readable here; expected 1\.$"):
        load_split(tmp_path / "split.json")
