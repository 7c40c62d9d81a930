"""CIFAR-10 and CIFAR-100 in both layouts, from folders and archives."""

from __future__ import annotations

import dataclasses
import pickle
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from skipline.data import DataError, Dataset, fit_preprocess, load
from skipline.data.sets.cifar import read_cifar, read_cifar_archive
from skipline.data.sets.cifar_layout import CIFAR_LAYOUTS, CifarLayout, find_cifar

Images = tuple[np.ndarray, np.ndarray, np.ndarray]
Write = Callable[[Path, CifarLayout], Path]
Small = Callable[[str], CifarLayout]


def _pack(folder: Path, archive: Path) -> Path:
    """The folder as a tar archive, packed as its suffix says, with the folder's name before those of the files."""
    with tarfile.open(archive, "w" if archive.suffix == ".tar" else "w:gz") as tar:
        tar.add(folder, arcname=folder.name)
    return archive


def _check(dataset: Dataset, layout: CifarLayout, images: Images) -> None:
    pixels, _, labels = images
    num_train = layout.num_train
    assert (dataset.name, dataset.image_size, dataset.in_channels) == (layout.dataset, 32, 3)
    assert dataset.class_names == tuple(f"class{number}" for number in range(layout.num_classes))
    assert np.array_equal(dataset.train.images.flatten(1).numpy(), pixels[:num_train])
    assert np.array_equal(dataset.test.images.flatten(1).numpy(), pixels[num_train:])
    assert dataset.train.labels.tolist() == labels[:num_train].tolist()
    assert dataset.test.labels.tolist() == labels[num_train:].tolist()


def test_a_folder(
    tmp_path: Path, layout: CifarLayout, write_cifar: Write, cifar_images: Callable[[int, int], Images]
) -> None:
    place = write_cifar(tmp_path / layout.folder, layout)
    _check(read_cifar(place, layout), layout, cifar_images(26, layout.num_classes))


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz"])
def test_an_archive_is_read_without_extracting(
    tmp_path: Path,
    layout: CifarLayout,
    write_cifar: Write,
    cifar_images: Callable[[int, int], Images],
    suffix: str,
) -> None:
    folder = write_cifar(tmp_path / "source" / layout.folder, layout)
    (tmp_path / "data").mkdir()
    archive = _pack(folder, tmp_path / "data" / (layout.archive + suffix))
    _check(read_cifar(archive, layout), layout, cifar_images(26, layout.num_classes))
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


def test_an_image_is_red_then_green_then_blue_by_rows(tmp_path: Path, small_cifar: Small, write_cifar: Write) -> None:
    """A row of the binary layout by hand: label 6; red 1, green 2, blue 3, but 9 in the second pixel of red's row 1."""
    layout = small_cifar("cifar-10-binary")
    folder = write_cifar(tmp_path / "x", layout)
    row = bytearray([6, *[1] * 1024, *[2] * 1024, *[3] * 1024])
    row[1 + 32 + 1] = 9
    (folder / "test_batch.bin").write_bytes(bytes(row) * 6)
    test = read_cifar(folder, layout).test
    assert test.labels.tolist() == [6] * 6
    assert test.images[0, :, 0, 0].tolist() == [1, 2, 3]
    assert test.images[0, :, 1, 1].tolist() == [9, 2, 3]
    assert int((test.images[0] == 9).sum()) == 1


def test_the_class_of_cifar100_is_the_fine_label(tmp_path: Path, small_cifar: Small, write_cifar: Write) -> None:
    layout = small_cifar("cifar-100-binary")
    folder = write_cifar(tmp_path / "x", layout)
    (folder / "test.bin").write_bytes(bytes([19, 77, *[0] * 3072]) * 6)
    assert read_cifar(folder, layout).test.labels.tolist() == [77] * 6


def test_both_layouts_give_the_same_data_set(tmp_path: Path, small_cifar: Small, write_cifar: Write) -> None:
    for dataset in ("10", "100"):
        layouts = [small_cifar(f"cifar-{dataset}-{form}") for form in ("python", "binary")]
        one, two = (read_cifar(write_cifar(tmp_path / layout.archive, layout), layout) for layout in layouts)
        assert one.fingerprint() == two.fingerprint()
        assert one.class_names == two.class_names


def test_where_the_files_may_lie(tmp_path: Path, layout: CifarLayout, write_cifar: Write) -> None:
    folder = write_cifar(tmp_path / layout.folder, layout)
    archive = _pack(folder, tmp_path / f"{layout.archive}.tgz")
    assert [place for _, place in find_cifar(tmp_path, layout.dataset)] == [folder, archive]
    assert [place for _, place in find_cifar(folder, layout.dataset)] == [folder]
    other = {"cifar10": "cifar100", "cifar100": "cifar10"}[layout.dataset]
    assert find_cifar(folder, other) == ()


# ---- files that are not whole


def test_every_missing_file_is_named(tmp_path: Path, layout: CifarLayout, write_cifar: Write) -> None:
    for name in layout.files:
        folder = write_cifar(tmp_path / f"without {name}", layout)
        (folder / name).unlink()
        with pytest.raises(DataError, match=re.escape(f"{folder}/{name} is missing; found: ")):
            read_cifar(folder, layout)
        archive = _pack(folder, tmp_path / f"{name}.tar")
        with pytest.raises(DataError, match=re.escape(f"{archive}/{name} is missing; found: ")):
            read_cifar(archive, layout)


def test_every_short_file_is_named_with_both_sizes(tmp_path: Path, layout: CifarLayout, write_cifar: Write) -> None:
    for name in layout.batch_files:
        folder = write_cifar(tmp_path / f"short {name}", layout)
        content = (folder / name).read_bytes()[:9000]
        (folder / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"{re.escape(f'{folder}/{name}')}: expected .*\d+ bytes.*, found 9000\."):
            read_cifar(folder, layout)


def test_the_sizes_in_words(tmp_path: Path, small_cifar: Small, write_cifar: Write) -> None:
    expected = {
        "cifar-10-python": "data_batch_2: expected more than 12288 bytes (4 images of 3072), found 100. The file",
        "cifar-10-binary": "data_batch_2.bin: expected 12292 bytes (4 rows of 3073), found 100. The file",
        "cifar-100-python": "train: expected more than 61440 bytes (20 images of 3072), found 100. The file",
        "cifar-100-binary": "train.bin: expected 61480 bytes (20 rows of 3074), found 100. The file",
    }
    for archive, message in expected.items():
        layout = small_cifar(archive)
        folder = write_cifar(tmp_path / archive, layout)
        (folder / message.split(":")[0]).write_bytes(bytes(100))
        with pytest.raises(DataError, match=re.escape(f"{folder}/{message}")):
            read_cifar(folder, layout)


def test_one_byte_too_many_is_refused(tmp_path: Path, small_cifar: Small, write_cifar: Write) -> None:
    layout = small_cifar("cifar-10-binary")
    folder = write_cifar(tmp_path / "x", layout)
    with (folder / "test_batch.bin").open("ab") as file:
        file.write(b"\x00")
    with pytest.raises(DataError, match=r"test_batch\.bin: expected 18438 bytes \(6 rows of 3073\), found 18439"):
        read_cifar(folder, layout)


def test_a_label_without_a_class_is_named(tmp_path: Path, small_cifar: Small, write_cifar: Write) -> None:
    layout = small_cifar("cifar-10-binary")
    folder = write_cifar(tmp_path / "x", layout)
    content = bytearray((folder / "data_batch_3.bin").read_bytes())
    content[2 * 3073] = 10
    (folder / "data_batch_3.bin").write_bytes(content)
    with pytest.raises(DataError, match=r"data_batch_3\.bin: expected labels 0\.\.9, found 10 \(image 2 of the file\)"):
        read_cifar(folder, layout)


PIXELS = np.zeros((4, 3072), dtype=np.uint8)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"data": PIXELS}, "expected an entry 'labels' in the pickled dict, found ['data', 'padding']."),
        (
            {"data": PIXELS, "fine_labels": [0] * 4},
            "expected an entry 'labels' in the pickled dict, found ['data', 'fine_labels', 'padding'].",
        ),
        ({"labels": [0] * 4}, "expected an entry 'data' in the pickled dict, found ['labels', 'padding']."),
        ({"data": PIXELS[:3], "labels": [0] * 4}, "expected 'data' of shape (4, 3072), found (3, 3072)."),
        ({"data": PIXELS[:, 1:], "labels": [0] * 4}, "expected 'data' of shape (4, 3072), found (4, 3071)."),
        ({"data": [1], "labels": [0] * 4}, "expected 'data' of shape (4, 3072), found list."),
        ({"data": PIXELS, "labels": [0] * 3}, "expected a list of 4 labels under 'labels', found 3."),
        ({"data": PIXELS, "labels": "0000"}, "expected a list of 4 labels under 'labels', found str."),
        ({"data": PIXELS, "labels": [0, 1, -1, 2]}, "expected class numbers under 'labels', found -1."),
        ({"data": PIXELS, "labels": [0, 1, "a", 2]}, "expected class numbers under 'labels', found a str."),
        ({"data": PIXELS, "labels": [0, 1, 12, 2]}, "expected labels 0..9, found 12 (image 2 of the file)."),
    ],
)
def test_a_batch_of_another_form_is_refused(
    tmp_path: Path, small_cifar: Small, write_cifar: Write, batch: dict[str, object], message: str
) -> None:
    layout = small_cifar("cifar-10-python")
    folder = write_cifar(tmp_path / "x", layout)
    (folder / "data_batch_4").write_bytes(pickle.dumps({**batch, "padding": b"0" * 20_000}, protocol=2))
    with pytest.raises(DataError, match=re.escape(f"{folder}/data_batch_4: {message}")):
        read_cifar(folder, layout)


@pytest.mark.parametrize(
    ("archive", "name", "content", "message"),
    [
        ("cifar-10-binary", "batches.meta.txt", b"a\nb\n\n", "expected 10 class names, found 2."),
        ("cifar-10-python", "batches.meta", pickle.dumps({"label_names": ["a"] * 9 + [3]}, 2), "names, found 9."),
        ("cifar-10-python", "batches.meta", pickle.dumps({"label_names": "abcdefghij"}, 2), "names, found 0."),
        ("cifar-100-python", "meta", pickle.dumps({}, 2), "expected an entry 'fine_label_names' in the pickled dict"),
    ],
)
def test_class_names_are_counted(
    tmp_path: Path,
    small_cifar: Small,
    write_cifar: Write,
    archive: str,
    name: str,
    content: bytes,
    message: str,
) -> None:
    layout = small_cifar(archive)
    folder = write_cifar(tmp_path / "x", layout)
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{re.escape(f'{folder}/{name}')}: .*{re.escape(message)}"):
        read_cifar(folder, layout)


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    archive = _pack(tmp_path / "photos", tmp_path / "photos.tar")
    firsts = "data_batch_1, data_batch_1.bin, train, train.bin"
    message = f"{archive}: expected the batch files of CIFAR-10 or CIFAR-100 (the first of them is one of {firsts})"
    with pytest.raises(DataError, match=re.escape(message)):
        read_cifar_archive(archive)


# ---- whole files


@pytest.mark.parametrize("archive", ["cifar-10-binary", "cifar-100-binary"])
def test_sizes_as_published(tmp_path: Path, archive: str) -> None:
    """Files of the published sizes, all zero: 50,000 and 10,000 images of class 0."""
    (layout,) = (layout for layout in CIFAR_LAYOUTS if layout.archive == archive)
    published = {"cifar-10-binary": (30_730_000, 30_730_000), "cifar-100-binary": (153_700_000, 30_740_000)}[archive]
    folder = tmp_path / "x"
    folder.mkdir()
    for name in layout.batch_files:
        with (folder / name).open("wb") as file:
            file.truncate(published[name in layout.test_files])  # sparse: takes no room on the disk
    (folder / layout.names_file).write_text("\n".join(map(str, range(layout.num_classes))), encoding="utf-8")
    dataset = load(str(folder), data_dir=Path("not-used"))
    assert (dataset.name, len(dataset.train), len(dataset.test)) == (layout.dataset, 50_000, 10_000)


CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def test_real_batches(real_batches: Path) -> None:
    """First labels, and how many images of each class the first batch has, as widely quoted."""
    layout = dataclasses.replace(CIFAR_LAYOUTS[0], train_files=("data_batch_1",), num_train=10_000)
    dataset = read_cifar(real_batches, layout)
    assert dataset.class_names == CLASSES
    assert dataset.train.labels[:5].tolist() == [6, 9, 9, 4, 1]
    assert dataset.test.labels[:5].tolist() == [3, 8, 8, 0, 6]
    first_batch = [1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981]
    assert torch.bincount(dataset.train.labels).tolist() == first_batch
    assert torch.bincount(dataset.test.labels).tolist() == [1000] * 10
    assert dataset.train.images[0, :, 0, 0].tolist() == [59, 62, 63]


def test_the_whole_real_set(real_cifar10: Path) -> None:
    """Images of a class, and mean and deviation in units of 255, as widely quoted."""
    dataset = load("cifar10", data_dir=real_cifar10.parent)
    assert (dataset.name, len(dataset.train), len(dataset.test)) == ("cifar10", 50_000, 10_000)
    assert dataset.class_names == CLASSES
    assert torch.bincount(dataset.train.labels).tolist() == [5000] * 10
    preprocess = fit_preprocess(dataset.train)
    assert [mean / 255 for mean in preprocess.mean] == pytest.approx([0.4914, 0.4822, 0.4465], abs=1e-4)
    assert [std / 255 for std in preprocess.std] == pytest.approx([0.2470, 0.2435, 0.2616], abs=1e-4)
