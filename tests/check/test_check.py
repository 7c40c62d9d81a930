"""The findings of whole folders: what is an error, what is a warning, and what is said."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from skipline.check import Check, Finding, check_folder
from skipline.files import dump_json

from ..data.pictures import encoded, noise
from .corpus import write_good


def check(root: Path, *, allowed: Collection[str] = (), most_unusable: float = 0.1) -> Check:
    return check_folder(
        root, num_processes=1, show=lambda done, num: None, allowed=allowed, most_unusable=most_unusable
    )


def finding(checked: Check, name: str) -> Finding:
    return next(found for found in checked.findings if found.name == name)


def errors(checked: Check) -> list[str]:
    return [found.name for found in checked.findings if found.severity == "error"]


def test_a_folder_without_fault(tmp_path: Path) -> None:
    write_good(tmp_path / "10", range(6))
    write_good(tmp_path / "2", range(10, 16), format_="PNG")
    seen: list[tuple[int, int]] = []
    checked = check_folder(tmp_path, num_processes=2, show=lambda done, num: seen.append((done, num)))
    assert checked.findings == ()
    assert not checked.is_wrong
    assert checked.counts() == {"2": {"all": 6}, "10": {"all": 6}}
    assert checked.sizes() == ((40, 40),) * 3
    assert checked.formats() == {"JPEG": 6, "PNG": 6}
    assert seen == [(done, 12) for done in range(13)]


def test_a_colon_in_a_file_s_name_is_no_part_of_what_is_wrong_with_it(tmp_path: Path) -> None:
    write_good(tmp_path / "cat", range(6))
    write_good(tmp_path / "dog", range(10, 16))
    (tmp_path / "cat" / "a: b.jpg").write_text("words")
    (place,) = finding(check(tmp_path), "not_an_image").places
    assert (place.files, place.what) == (("cat/a: b.jpg",), "it is text")


def nothing(root: Path) -> None:
    root.mkdir()


def only_empty_folders(root: Path) -> None:
    (root / "cat").mkdir(parents=True)
    (root / "dog").mkdir()


def loose_images(root: Path) -> None:
    write_good(root, range(3))


def one_class(root: Path) -> None:
    write_good(root / "cat", range(6))


def a_class_with_one_image(root: Path) -> None:
    write_good(root / "cat", range(6))
    write_good(root / "dog", range(10, 11))


def two_identical_classes(root: Path) -> None:
    write_good(root / "cat", range(6))
    write_good(root / "dog", range(6))


def a_leak(root: Path) -> None:
    for part, start in (("train", 0), ("val", 20)):
        write_good(root / part / "cat", range(start, start + 6))
        write_good(root / part / "dog", range(start + 10, start + 16))
    write_good(root / "val" / "cat", range(1))


def a_near_leak(root: Path) -> None:
    a_leak(root)
    (root / "val" / "cat" / "0.jpg").write_bytes(encoded(noise(0, side=120), format="PNG"))


def a_class_that_is_not_learnt(root: Path) -> None:
    a_leak(root)
    (root / "val" / "cat" / "0.jpg").unlink()
    write_good(root / "val" / "bird", range(90, 96))


def files_cut_short(root: Path) -> None:
    write_good(root / "cat", range(6))
    write_good(root / "dog", range(10, 20))
    for name in ("10.jpg", "11.jpg"):
        (root / "dog" / name).write_bytes((root / "dog" / name).read_bytes()[:-200])


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (nothing, ["no_image"]),
        (only_empty_folders, ["no_image"]),
        (loose_images, ["no_class"]),
        (one_class, ["one_class"]),
        (a_class_with_one_image, ["few_images"]),
        (two_identical_classes, ["label_conflict"]),
        (a_leak, ["leak"]),
        (a_near_leak, ["near_leak"]),
        (a_class_that_is_not_learnt, ["unknown_class"]),
        (files_cut_short, ["many_unusable"]),
    ],
)
def test_what_makes_training_wrong(make: Callable[[Path], None], found: list[str], tmp_path: Path) -> None:
    make(tmp_path / "photos")
    checked = check(tmp_path / "photos", most_unusable=0.1)
    assert errors(checked) == found
    assert checked.is_wrong


def test_what_is_allowed_is_a_warning(tmp_path: Path) -> None:
    a_near_leak(tmp_path)
    checked = check(tmp_path, allowed=("near_leak",))
    assert not checked.is_wrong
    assert finding(checked, "near_leak").severity == "warning"


def test_the_share_of_unusable_files_is_the_callers(tmp_path: Path) -> None:
    files_cut_short(tmp_path)
    assert not check(tmp_path, most_unusable=0.2).is_wrong
    text = "2 of 16 (12.5 %; at most 10 % are let pass)"
    assert finding(check(tmp_path), "many_unusable").what == text


def test_findings_say_where(tmp_path: Path) -> None:
    two_identical_classes(tmp_path)
    conflict = finding(check(tmp_path), "label_conflict")
    assert conflict.what == "6 groups, 12 files"
    assert conflict.places[0].files == ("cat/0.jpg", "dog/0.jpg")
    assert conflict.places[0].what == "cat and dog"
    few = finding(check_one_short(tmp_path / "b"), "few_images")
    assert [(place.files, place.what) for place in few.places] == [(("dog",), "1 usable image")]


def check_one_short(root: Path) -> Check:
    a_class_with_one_image(root)
    return check(root)


def test_imbalance(tmp_path: Path) -> None:
    write_good(tmp_path / "cat", range(60))
    write_good(tmp_path / "dog", range(100, 106))
    checked = check(tmp_path)
    assert finding(checked, "imbalance").what == "60 of cat and 6 of dog"
    assert finding(checked, "imbalance").severity == "warning"
    (tmp_path / "dog" / "7.jpg").write_bytes(encoded(noise(200, side=40), format="JPEG"))
    assert not check(tmp_path).findings


def test_files_that_vanish_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They go between listing and reading, which is the same to whoever reads as during the check."""
    from skipline.check import check as module
    from skipline.data.photos.folder import PhotoFolder, open_photos

    write_good(tmp_path / "cat", range(20))
    write_good(tmp_path / "dog", range(30, 50))

    def open_and_lose(place: Path) -> PhotoFolder:
        folder = open_photos(place)
        (tmp_path / "cat" / "3.jpg").unlink()
        return folder

    monkeypatch.setattr(module, "open_photos", open_and_lose)
    found = finding(check(tmp_path), "cannot_read")
    assert [(place.files, place.what) for place in found.places] == [(("cat/3.jpg",), "no such file or directory")]


def test_the_document(tmp_path: Path) -> None:
    files_cut_short(tmp_path)
    document = json.loads(dump_json(check(tmp_path).to_json()))
    assert (document["format"], document["version"]) == ("skipline.check", 1)
    assert document["classes"] == [{"name": "cat", "images": {"all": 6}}, {"name": "dog", "images": {"all": 8}}]
    assert (document["num_images"], document["num_usable"], document["is_wrong"]) == (16, 14, True)
    assert document["sizes"] == {"smallest": [40, 40], "middle": [40, 40], "largest": [40, 40]}
    assert [found["name"] for found in document["findings"]] == ["many_unusable", "truncated"]
    places = document["findings"][1]["places"]
    assert [place["files"] for place in places] == [["dog/10.jpg"], ["dog/11.jpg"]]
