"""Another run's split taken over: parts by bytes, whatever the names, and refused where it would not be the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from skipline.data import DataError
from skipline.data.photos.classes import Classes
from skipline.data.photos.decode import Record, Unusable
from skipline.data.photos.fact import Fact, PhotoFact
from skipline.data.photos.folder import Photo, PhotoFolder
from skipline.data.photos.photo_dataset import PhotoSettings
from skipline.data.photos.split import LeftOut, Split, SplitPhoto
from skipline.data.photos.split_again import split_again

RECORD = Record(format="PNG", height=8, width=8, mode="RGB", orientation=1, traits=())
NAMES = ("cat", "dog")


def photo(name: str, content: int) -> SplitPhoto:
    return SplitPhoto(name, NAMES.index(name.split("/")[0]), bytes([content] * 32).hex())


WANTED = Split(
    folder="/was",
    seed=7,
    train=(photo("cat/a.png", 1), photo("dog/b.png", 2), photo("dog/twin.png", 2)),
    val=(photo("cat/c.png", 3),),
    test=(photo("dog/d.png", 4),),
)


def folder_of(files: dict[str, int]) -> tuple[PhotoFolder, list[Fact]]:
    """A folder with these files, each by what it holds; 0: it cannot be used."""
    photos = tuple(Photo(name, NAMES.index(name.split("/")[0]), "all") for name in files)
    folder = PhotoFolder(Path("/now"), "classes", "", Classes(NAMES), photos, (), ())
    facts: list[Fact] = [
        PhotoFact(bytes([content] * 32), 9, RECORD, b"") if content else Unusable(name, "broken", "torn")
        for name, content in files.items()
    ]
    return folder, facts


AS_IT_WAS = {"cat/a.png": 1, "dog/b.png": 2, "dog/twin.png": 2, "cat/c.png": 3, "dog/d.png": 4}


def again(files: dict[str, int], class_names: Sequence[str] = NAMES) -> Split:
    return split_again(*folder_of(files), WANTED, tuple(class_names), origin="runs/A")


def test_the_same_folder_gives_the_same_split() -> None:
    assert again(AS_IT_WAS) == replace(WANTED, folder="/now")
    assert again(dict(reversed(AS_IT_WAS.items()))) == replace(WANTED, folder="/now"), "whatever the order"


def test_photos_are_known_by_their_bytes_and_new_ones_are_left_out() -> None:
    renamed = {("cat/z.png" if name == "cat/c.png" else name): content for name, content in AS_IT_WAS.items()}
    found = again({**renamed, "dog/new.png": 9, "cat/torn.png": 0})
    assert found.val == (replace(WANTED.val[0], file="cat/z.png"),)
    assert (found.train, found.test) == (WANTED.train, WANTED.test)
    assert found.left_out == (
        LeftOut("cat/torn.png", "cat/torn.png: torn."),
        LeftOut("dog/new.png", "dog/new.png: not in the split of runs/A."),
    )


@pytest.mark.parametrize(
    "files",
    [
        {name: content for name, content in AS_IT_WAS.items() if name != "dog/d.png"},
        {**AS_IT_WAS, "dog/d.png": 9},
        {**AS_IT_WAS, "dog/d.png": 0},
        {("cat/d.png" if name == "dog/d.png" else name): content for name, content in AS_IT_WAS.items()},
    ],
)
def test_a_photo_that_is_gone_changed_or_moved_is_refused(files: dict[str, int]) -> None:
    with pytest.raises(
        DataError, match=r"/now has lost 1 photo of the split of runs/A, e\.g\. dog/d\.png: gone, changed"
    ):
        again(files)


def test_other_classes_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"has the classes cat, dog, and the run runs/A a, b, c, and 1 more: its split belongs to other"
    ):
        again(AS_IT_WAS, ("a", "b", "c", "d"))


def test_a_share_goes_with_no_split_that_is_taken_over() -> None:
    with pytest.raises(DataError, match="leave val_share and test_share out"):
        PhotoSettings(split_from="runs/A", val_share=0.2)
