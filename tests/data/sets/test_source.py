"""Sources: names and paths."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from skipline.data import DataDefaults, DataError, defaults_of, load, place_of, source_names
from skipline.data.sets.cifar_layout import CifarLayout
from skipline.data.sets.source import is_photos

WriteIdx = Callable[[Path, int, int, int], Path]
READ_HERE = (
    "Read are: digits, which come with skipline; cifar10 and cifar100, as python or binary batches (a folder, or one "
    "of .tar.gz, .tgz, .tar); mnist and fashion-mnist, as four idx files (a folder, each .gz or not), and other sets "
    "in such files."
)


def _said(source: str, data_dir: Path) -> str:
    with pytest.raises(DataError) as error:
        load(source, data_dir=data_dir)
    return str(error.value)


def test_the_names() -> None:
    assert source_names() == ("digits", "cifar10", "cifar100", "mnist", "fashion-mnist")


def test_every_set_is_treated_by_its_name_and_others_with_care() -> None:
    """A 2 in a mirror is no 2, and 4 pixels of 8 are half of a digit."""
    assert {name: defaults_of(name) for name in (*source_names(), "idx")} == {
        "digits": DataDefaults(model="digits_resnet20", pad=0, flips=False),
        "cifar10": DataDefaults(model="cifar_resnet20", pad=4, flips=True),
        "cifar100": DataDefaults(model="cifar_resnet20", pad=4, flips=True),
        "mnist": DataDefaults(model="cifar_resnet20", pad=4, flips=False),
        "fashion-mnist": DataDefaults(model="cifar_resnet20", pad=4, flips=False),
        "idx": DataDefaults(model="cifar_resnet20", pad=4, flips=False),
    }


def test_where_data_lie_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place_of("cifar10", Path("data")) == tmp_path / "data"
    assert place_of("./cifar10", Path("data")) == tmp_path / "cifar10"


def test_digits_need_no_folder(tmp_path: Path) -> None:
    assert load("digits", data_dir=tmp_path / "absent").name == "digits"


@pytest.mark.parametrize(
    ("source", "close"),
    [("cifra10", "cifar10"), ("CIFAR100", "cifar100"), ("digit", "digits"), ("fashion_mnist", "fashion-mnist")],
)
def test_an_unknown_name_is_answered_with_the_nearest_and_the_list(tmp_path: Path, source: str, close: str) -> None:
    said = _said(source, tmp_path)
    assert said.startswith(f"Unknown source '{source}': neither a known name nor a path that exists. ")
    assert f" Did you mean '{close}'? Names: digits, cifar10, cifar100, mnist, fashion-mnist. {READ_HERE}" in said


def test_nothing_is_guessed_for_a_name_that_is_like_none(tmp_path: Path) -> None:
    said = _said("/no/such/folder", tmp_path)
    assert said.startswith(
        "Unknown source '/no/such/folder': neither a known name nor a path that exists. Names: digits"
    )


@pytest.mark.parametrize(
    ("name", "places", "home"),
    [
        (
            "cifar10",
            "cifar-10-batches-py, cifar-10-python.tar.gz, cifar-10-python.tgz, cifar-10-python.tar, "
            "cifar-10-batches-bin, cifar-10-binary.tar.gz, cifar-10-binary.tgz, cifar-10-binary.tar",
            "https://www.cs.toronto.edu/~kriz/cifar.html",
        ),
        (
            "cifar100",
            "cifar-100-python, cifar-100-python.tar.gz, cifar-100-python.tgz, cifar-100-python.tar, "
            "cifar-100-binary, cifar-100-binary.tar.gz, cifar-100-binary.tgz, cifar-100-binary.tar",
            "https://www.cs.toronto.edu/~kriz/cifar.html",
        ),
        ("mnist", "MNIST/raw, mnist, raw", "https://ossci-datasets.s3.amazonaws.com/mnist/ (four .gz files)"),
        (
            "fashion-mnist",
            "FashionMNIST/raw, fashion-mnist, raw",
            "https://github.com/zalandoresearch/fashion-mnist (four .gz files)",
        ),
    ],
)
def test_a_set_that_is_not_there_is_answered_with_where_and_whence(
    tmp_path: Path, name: str, places: str, home: str
) -> None:
    rest = (
        f"Looked there for its files and for {places}. Download it from {home} into that folder, "
        "or pass --data DIR with the folder that holds it."
    )
    assert _said(name, tmp_path) == f"{name} is not in {tmp_path}. {rest}"
    absent = tmp_path / "absent"
    assert _said(name, absent) == f"{name} is not in {absent} (there is no such folder). {rest}"


def test_a_name_is_looked_for_in_the_folder(
    tmp_path: Path, small_cifar: Callable[[str], CifarLayout], write_cifar: Callable[[Path, CifarLayout], Path]
) -> None:
    """The small files are found, and refused for their size."""
    layout = small_cifar("cifar-10-binary")
    folder = write_cifar(tmp_path / layout.folder, layout)
    expected = f"{folder}/data_batch_1.bin: expected 30730000 bytes (10000 rows of 3073), found 12292."
    for source, data_dir in (
        ("cifar10", tmp_path),
        ("cifar10", folder),
        (str(tmp_path), Path()),
        (str(folder), Path()),
    ):
        assert _said(source, data_dir).startswith(expected)


def test_an_archive_may_have_any_name(
    tmp_path: Path, small_cifar: Callable[[str], CifarLayout], write_cifar: Callable[[Path, CifarLayout], Path]
) -> None:
    folder = write_cifar(tmp_path / "x", small_cifar("cifar-100-binary"))
    with tarfile.open(tmp_path / "mine.tgz", "w:gz") as tar:
        tar.add(folder, arcname="anything")
    said = _said(str(tmp_path / "mine.tgz"), Path())
    assert said.startswith(
        f"{tmp_path}/mine.tgz/train.bin: expected 153700000 bytes (50000 rows of 3074), found 61480."
    )


@pytest.mark.parametrize("folder", ["", "raw", "MNIST/raw", "fashion-mnist"])
def test_a_path_of_idx_files(tmp_path: Path, write_idx: WriteIdx, folder: str) -> None:
    write_idx(tmp_path / folder, 12, 5, 4)
    dataset = load(str(tmp_path), data_dir=Path("not-used"))
    assert (dataset.name, len(dataset.train), len(dataset.test)) == ("idx", 12, 5)


def test_a_folder_of_several_sets_is_refused_with_their_places(
    tmp_path: Path, write_idx: WriteIdx, small_cifar: Callable[[str], CifarLayout]
) -> None:
    for folder in ("MNIST/raw", "FashionMNIST/raw"):
        write_idx(tmp_path / folder, 12, 5, 4)
    (tmp_path / small_cifar("cifar-100-binary").folder).mkdir()
    assert _said(str(tmp_path), Path()) == (
        f"{tmp_path} holds several data sets: {tmp_path}/cifar-100-binary, {tmp_path}/MNIST/raw, "
        f"{tmp_path}/FashionMNIST/raw. Give the path of one of them, or a name and --data {tmp_path}."
    )


@pytest.mark.parametrize(
    ("photo", "example"),
    [("cat/1.jpg", "cat"), ("train/dog/a b.PNG", "train/dog"), ("cat/2.ppm", "cat"), ("cat/3.jfif", "cat")],
)
def test_a_folder_of_photos_is_no_data_set_of_the_table(tmp_path: Path, photo: str, example: str) -> None:
    (tmp_path / photo).parent.mkdir(parents=True)
    (tmp_path / photo).touch()
    assert _said(str(tmp_path), Path()).startswith(
        f"{tmp_path} is a folder of photos (for example in {example}/). Those are read by: skipline check, "
    )


def test_photos_are_a_folder_that_no_data_set_is_recognised_in_or_a_table(tmp_path: Path, write_idx: WriteIdx) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "labels.csv").touch()
    (tmp_path / "a.tar").touch()
    write_idx(tmp_path / "sets" / "MNIST/raw", 12, 5, 4)
    assert is_photos(str(tmp_path / "cat"))
    assert is_photos(str(tmp_path / "labels.csv"))
    assert not any(
        map(is_photos, ("", "digits", str(tmp_path / "a.tar"), str(tmp_path / "sets"), str(tmp_path / "gone")))
    )


def test_a_folder_and_a_file_of_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    assert _said(f"{tmp_path}/empty", Path()).startswith(f"{tmp_path}/empty: found no data set in it. {READ_HERE}")
    assert _said(f"{tmp_path}/notes.txt", Path()).startswith(
        f"{tmp_path}/notes.txt: expected a folder or a tar archive, found a file of another kind. {READ_HERE}"
    )


def test_what_the_system_refuses_is_a_data_error(
    tmp_path: Path, write_idx: WriteIdx, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(tmp_path, 12, 5, 4)

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    expected = rf"{re.escape(str(tmp_path))}/.*ubyte(\.gz)? cannot be read: Permission denied\."
    assert re.fullmatch(expected, _said(str(tmp_path), Path()))


def test_a_name_that_no_path_can_have_is_a_data_error(tmp_path: Path) -> None:
    assert "cannot be read: File name too long." in _said("a" * 5000, tmp_path)
