"""MNIST, Fashion-MNIST and other sets in the same files."""

from __future__ import annotations

import dataclasses
import gzip
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from skipline.data import DataError, fit_preprocess, load
from skipline.data.sets.mnist import IDX_SETS, IdxSet, find_idx, read_idx_folder, read_idx_set

WriteIdx = Callable[[Path, int, int, int], Path]
MNIST, FASHION = IDX_SETS


def _small(idx_set: IdxSet) -> IdxSet:
    return dataclasses.replace(idx_set, num_train=12, num_test=5, image_size=4)


def test_images_and_labels_stay_together(tmp_path: Path, write_idx: WriteIdx) -> None:
    dataset = read_idx_folder(write_idx(tmp_path, 12, 5, 4))
    assert (dataset.name, dataset.class_names) == ("idx", ("0", "1", "2", "3", "4", "5", "6"))
    assert dataset.train.images.shape == (12, 1, 4, 4)
    assert dataset.train.images[:, 0, 1, 2].tolist() == list(range(12))
    assert dataset.train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4]
    assert dataset.test.labels.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("idx_set", "folder"),
    [
        *[(MNIST, folder) for folder in ("", "raw", "MNIST/raw", "mnist")],
        *[(FASHION, folder) for folder in ("", "raw", "FashionMNIST/raw", "fashion-mnist")],
    ],
    ids=lambda value: value if isinstance(value, str) else value.dataset,
)
def test_where_the_files_may_lie(tmp_path: Path, write_idx: WriteIdx, idx_set: IdxSet, folder: str) -> None:
    write_idx(tmp_path / folder, 12, 5, 4)
    places = find_idx(tmp_path, idx_set.places)
    assert places == (tmp_path / folder,)
    dataset = read_idx_set(places[0], _small(idx_set))
    assert (dataset.name, dataset.class_names) == (idx_set.dataset, idx_set.class_names)


def test_its_own_folder_comes_before_others(tmp_path: Path, write_idx: WriteIdx) -> None:
    for folder in ("", "raw", "MNIST/raw", "mnist"):
        write_idx(tmp_path / folder, 12, 5, 4)
    found = [place.relative_to(tmp_path).as_posix() for place in find_idx(tmp_path, MNIST.places)]
    assert found == ["MNIST/raw", "mnist", "raw", "."]


def test_names_with_a_dot_and_a_packed_file_are_read_too(tmp_path: Path, write_idx: WriteIdx) -> None:
    write_idx(tmp_path, 12, 5, 4)
    plain = tmp_path / "train-images-idx3-ubyte"
    (tmp_path / "train-images.idx3-ubyte.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    assert len(read_idx_folder(tmp_path).train) == 12


@pytest.mark.parametrize(
    ("num_train", "num_test", "size", "message"),
    [
        (11, 5, 4, "train-images-idx3-ubyte: expected images of shape (12, 4, 4) for mnist, found (11, 4, 4)."),
        (12, 6, 4, "t10k-images-idx3-ubyte: expected images of shape (5, 4, 4) for mnist, found (6, 4, 4)."),
        (12, 5, 3, "train-images-idx3-ubyte: expected images of shape (12, 4, 4) for mnist, found (12, 3, 3)."),
    ],
)
def test_a_set_of_another_size_is_not_mnist(
    tmp_path: Path, write_idx: WriteIdx, num_train: int, num_test: int, size: int, message: str
) -> None:
    write_idx(tmp_path, num_train, num_test, size)
    with pytest.raises(DataError, match=re.escape(message)):
        read_idx_set(tmp_path, _small(MNIST))


def _break(folder: Path, name: str, content: bytes | None) -> None:
    """Replace a file of the folder; None removes it."""
    for path in folder.glob(f"{name}*"):
        path.unlink()
    if content is not None:
        (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            "train-labels-idx1-ubyte",
            None,
            "train-labels-idx1-ubyte is missing; found: t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte.gz, "
            "train-images-idx3-ubyte. Fetch the whole data set again: nothing was loaded.",
        ),
        (
            "train-labels-idx1-ubyte",
            np.zeros(11),
            "train-labels-idx1-ubyte: expected 12 labels, one for each image, found 11.",
        ),
        (
            "t10k-images-idx3-ubyte",
            np.zeros((5, 4, 3)),
            "t10k-images-idx3-ubyte: expected images of shape (4, 4) as in the training part, found (4, 3).",
        ),
        (
            "t10k-labels-idx1-ubyte",
            np.zeros((5, 2)),
            "t10k-labels-idx1-ubyte: expected the magic number 00000801 (idx, unsigned bytes, 1 dimension), "
            "found 00000802.",
        ),
    ],
)
def test_files_that_do_not_fit_are_named(
    tmp_path: Path,
    write_idx: WriteIdx,
    idx_bytes: Callable[[np.ndarray], bytes],
    name: str,
    array: np.ndarray | None,
    message: str,
) -> None:
    write_idx(tmp_path, 12, 5, 4)
    _break(tmp_path, name, None if array is None else idx_bytes(array))
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}/{message}")):
        read_idx_folder(tmp_path)


def test_a_label_without_a_class_is_named(
    tmp_path: Path, write_idx: WriteIdx, idx_bytes: Callable[[np.ndarray], bytes]
) -> None:
    write_idx(tmp_path, 12, 5, 4)
    _break(tmp_path, "train-labels-idx1-ubyte", idx_bytes(np.array([1, 2, 10, *range(9)])))
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte: expected labels 0\.\.9, found 10 \(label 2 of the"):
        read_idx_set(tmp_path, _small(MNIST))


# ---- the real files

FACTS = {  # first labels of both parts; images of a class; mean and deviation in units of 255, as widely quoted
    "mnist": (
        [5, 0, 4, 1, 9],
        [7, 2, 1, 0, 4],
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        0.1307,
        0.3081,
    ),
    "fashion-mnist": ([9, 0, 0, 3, 0], [9, 2, 1, 1, 6], [6000] * 10, 0.2860, 0.3530),
}


@pytest.mark.parametrize("name", FACTS)
def test_the_real_files(name: str, real_idx: Callable[[str], Path]) -> None:
    folder = real_idx(name)
    dataset = load(str(folder), data_dir=Path("not-used"))
    first_train, first_test, counts, mean, std = FACTS[name]
    assert (dataset.name, len(dataset.train), len(dataset.test)) == (name, 60_000, 10_000)
    assert dataset.train.labels[:5].tolist() == first_train
    assert dataset.test.labels[:5].tolist() == first_test
    assert torch.bincount(dataset.train.labels).tolist() == counts
    preprocess = fit_preprocess(dataset.train)
    assert preprocess.mean[0] / 255 == pytest.approx(mean, abs=6e-5)
    assert preprocess.std[0] / 255 == pytest.approx(std, abs=6e-5)


def test_one_set_is_not_taken_for_the_other(real_idx: Callable[[str], Path]) -> None:
    folder = real_idx("fashion-mnist")
    message = rf"{folder} holds fashion-mnist \(told by its test labels\); expected mnist\. Ask for fashion-mnist, or"
    with pytest.raises(DataError, match=message):
        load("mnist", data_dir=folder)
