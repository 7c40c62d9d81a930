"""Folders as people have them: the layouts, the class list, and what is remarked."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from skipline.data.error import DataError
from skipline.data.photos.folder import PhotoFolder, open_photos


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"\xff\xd8\xff")
    return root


def seen(folder: PhotoFolder) -> dict[str, tuple[str, str]]:
    return {photo.name: (folder.classes.names[photo.label], photo.part) for photo in folder.photos}


def remarks(folder: PhotoFolder) -> list[tuple[str, str, str]]:
    return [(remark.kind, remark.where, remark.what) for remark in folder.remarks]


def test_class_folders(tmp_path: Path) -> None:
    folder = open_photos(make(tmp_path, "10/a.jpg", "2/a.jpg", "2/deep/b.jpg", "<img onerror=x>/c.jpg"))
    assert folder.layout == "classes"
    assert folder.classes.names == ("2", "10", "<img onerror=x>")
    assert seen(folder) == {
        "2/a.jpg": ("2", "all"),
        "2/deep/b.jpg": ("2", "all"),
        "10/a.jpg": ("10", "all"),
        "<img onerror=x>/c.jpg": ("<img onerror=x>", "all"),
    }
    assert remarks(folder) == []


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val", "dev"])
def test_parts_by_any_name(name: str, tmp_path: Path) -> None:
    folder = open_photos(make(tmp_path, "train/a/1.jpg", "train/b/1.jpg", f"{name}/a/1.jpg", f"{name}/b/2.jpg"))
    assert folder.layout == "parts"
    assert folder.parts == ("train", "val")
    assert seen(folder)[f"{name}/b/2.jpg"] == ("b", "val")


def test_a_class_missing_from_a_part_shifts_no_label(tmp_path: Path) -> None:
    names = ["train/a/1.jpg", "train/b/1.jpg", "train/c/1.jpg", "val/a/1.jpg", "val/c/1.jpg", "test/c/1.jpg"]
    folder = open_photos(make(tmp_path, *names))
    assert folder.classes.names == ("a", "b", "c")
    assert seen(folder)["val/c/1.jpg"] == ("c", "val")
    assert remarks(folder) == [
        ("absent_class", "b", "val"),
        ("absent_class", "a", "test"),
        ("absent_class", "b", "test"),
    ]


def test_a_class_that_only_validation_has(tmp_path: Path) -> None:
    folder = open_photos(make(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "val/A/1.jpg", "val/b/1.jpg", "val/z/1.jpg"))
    assert folder.classes.names == ("a", "b")
    assert ("unknown_class", "val/A", "1") in remarks(folder)
    assert ("unknown_class", "val/z", "1") in remarks(folder)
    assert ("alike_classes", "A and a", "") in remarks(folder)
    assert len(folder.photos) == 3


def test_a_folder_called_train_can_be_a_class(tmp_path: Path) -> None:
    folder = open_photos(make(tmp_path, "train/1.jpg", "bus/1.jpg", "car/1.jpg"))
    assert folder.layout == "classes"
    assert folder.classes.names == ("bus", "car", "train")


def test_two_folders_for_one_part_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "train/a/1.jpg", "val/a/1.jpg", "valid/a/1.jpg")
    with pytest.raises(DataError, match=r"val and valid, which both mean the val part. Keep one of them, or merge"):
        open_photos(tmp_path)


def test_one_folder_around_all_is_looked_into(tmp_path: Path) -> None:
    folder = open_photos(make(tmp_path, "archive/photos/a/1.jpg", "archive/photos/b/1.jpg"))
    assert folder.base == "archive/photos/"
    assert folder.classes.names == ("a", "b")
    split = open_photos(make(tmp_path / "other", "set/train/a/1.jpg", "set/train/b/1.jpg", "set/val/a/1.jpg"))
    assert (split.base, split.layout, split.parts) == ("set/", "parts", ("train", "val"))


def test_nested_and_empty_classes_and_loose_images(tmp_path: Path) -> None:
    make(tmp_path, "animal/cat/1.jpg", "animal/dog/1.jpg", "car/1.jpg", "loose.jpg")
    (tmp_path / "empty").mkdir()
    folder = open_photos(tmp_path)
    assert folder.classes.names == ("animal", "car", "empty")
    assert remarks(folder) == [
        ("unlabelled", "loose.jpg", "in no class folder"),
        ("nested", "animal", "cat, dog"),
        ("empty_class", "empty", ""),
    ]


def test_images_beside_the_parts_have_no_class(tmp_path: Path) -> None:
    folder = open_photos(make(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "val/x.jpg", "more/a/1.jpg"))
    assert {where for kind, where, _ in remarks(folder) if kind == "unlabelled"} == {"val/x.jpg", "more/a/1.jpg"}


def test_one_name_stored_in_two_ways_is_one_class(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    folder = open_photos(make(tmp_path, f"{composed}/1.jpg", f"{apart}/2.jpg", "tea/1.jpg"))
    assert folder.classes.names == (composed, "tea")
    assert len(folder.photos) == 3
    assert remarks(folder) == [("same_name_classes", composed, "")]


def test_case_variants_are_two_classes_and_said(tmp_path: Path) -> None:
    folder = open_photos(make(tmp_path, "Cat/1.jpg", "cat/1.jpg"))
    assert len(folder.classes.names) == 2
    assert remarks(folder) == [("alike_classes", "Cat and cat", "")]


def test_nothing_at_all(tmp_path: Path) -> None:
    folder = open_photos(tmp_path)
    assert (folder.photos, folder.classes.names, folder.parts) == ((), (), ())


def test_ten_thousand_classes(tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / f"class{number}").mkdir()
    make(tmp_path, "class7/1.jpg", "class10/1.jpg")
    folder = open_photos(tmp_path)
    assert len(folder.classes.names) == 10_000
    assert folder.classes.names[9:12] == ("class9", "class10", "class11")


# ---- tables


def table(root: Path, text: str, name: str = "labels.csv") -> None:
    (root / name).write_text(text, encoding="utf-8")


def test_a_table_gives_the_labels(tmp_path: Path) -> None:
    make(tmp_path, "images/1.jpg", "images/2.jpg", "images/3.jpg", "images/4.jpg")
    table(tmp_path, "\ufeffid;label;split\n1;cat;train\n2.jpg;dog;train\nimages/3.jpg;cat;valid\n")
    folder = open_photos(tmp_path)
    assert folder.layout == "table"
    assert seen(folder) == {
        "images/1.jpg": ("cat", "train"),
        "images/2.jpg": ("dog", "train"),
        "images/3.jpg": ("cat", "val"),
    }
    assert ("unlabelled", "images/4.jpg", "in no row of the table") in remarks(folder)
    assert open_photos(tmp_path / "labels.csv") == folder


def test_what_rows_can_do_wrong(tmp_path: Path) -> None:
    make(tmp_path / "set", "1.jpg", "2.jpg", "3.jpg")
    make(tmp_path, "secret.jpg")
    rows = ["1.jpg,cat", "1.jpg,cat", "2.jpg,cat", "2.jpg,dog", "3.jpg,dog", "gone.jpg,dog", "../secret.jpg,dog"]
    table(tmp_path / "set", "\n".join([*rows, f"{tmp_path}/secret.jpg,dog"]))
    folder = open_photos(tmp_path / "set")
    assert seen(folder) == {"1.jpg": ("cat", "all"), "3.jpg": ("dog", "all")}
    assert remarks(folder)[1:5] == [
        ("twice_in_table", "1.jpg", "labels.csv, line 2"),
        ("two_labels", "2.jpg", "cat and dog"),
        ("missing_file", "labels.csv, line 6", "gone.jpg"),
        ("outside_file", "labels.csv, line 7", "../secret.jpg"),
    ]


def test_a_table_for_each_part(tmp_path: Path) -> None:
    make(tmp_path, "images/1.jpg", "images/2.jpg")
    table(tmp_path, "file,label\nimages/1.jpg,a\n", "train.csv")
    table(tmp_path, "file,label\nimages/2.jpg,a\n", "val.csv")
    assert seen(open_photos(tmp_path)) == {"images/1.jpg": ("a", "train"), "images/2.jpg": ("a", "val")}


def test_a_table_beside_class_folders_is_not_needed(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "b/1.jpg")
    table(tmp_path, "what,ever,else\n")
    assert open_photos(tmp_path).layout == "classes"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it has no rows"),
        ("a,b,c\n", "its first row is a, b, c. Expected a column called file"),
        ("file,label\n1.jpg\n", "line 2: it has 1 cells where the first row has 2"),
        ("file,label\n1.jpg,\n", "line 2: its label is empty"),
        ('file,label\n"1.jpg,a\n', "it is no table of text"),
        ("file,label,split\n1.jpg,a,holdout\n", "part 'holdout'; expected one of train"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    make(tmp_path, "1.jpg")
    table(tmp_path, text)
    with pytest.raises(DataError, match=said) as raised:
        open_photos(tmp_path)
    assert "labels.csv" in str(raised.value)


def test_a_table_that_is_no_text(tmp_path: Path) -> None:
    make(tmp_path, "1.jpg")
    (tmp_path / "labels.csv").write_bytes(b"file,label\n1.jpg,caf\xe9\n")
    with pytest.raises(DataError, match=r"byte 20 is no UTF-8. Save the table as UTF-8"):
        open_photos(tmp_path)


def test_several_tables_are_a_question(tmp_path: Path) -> None:
    make(tmp_path, "1.jpg")
    table(tmp_path, "1.jpg,a\n", "one.csv")
    table(tmp_path, "1.jpg,b\n", "two.csv")
    with pytest.raises(DataError, match=r"several tables: one.csv, two.csv. Give the path of the one"):
        open_photos(tmp_path)
    assert open_photos(tmp_path / "two.csv").classes.names == ("b",)


def test_a_file_that_is_no_table(tmp_path: Path) -> None:
    make(tmp_path, "1.jpg")
    with pytest.raises(DataError, match=r"1.jpg is a file. Give the folder of photos, or a table of file,label"):
        open_photos(tmp_path / "1.jpg")
