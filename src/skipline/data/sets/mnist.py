"""MNIST (LeCun 1998), Fashion-MNIST (Xiao et al. 2017), and other sets of grey images in the same four idx files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from skipline.data.dataset import Dataset
from skipline.data.error import DataError
from skipline.data.image_set import ImageSet
from skipline.data.sets.file_set import FileSet, folder_files
from skipline.data.sets.idx import parse_idx

_TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
_TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@dataclass(frozen=True)
class IdxSet:
    """A published set in idx files: the folders that it is looked for in, and how it is recognised.

    `test_labels_sha256` is of the unpacked file of test labels (computed from files with the published md5 sums);
    sizes alone do not tell these sets apart.
    """

    dataset: str
    places: tuple[str, ...]
    class_names: tuple[str, ...]
    test_labels_sha256: str
    num_train: int
    num_test: int
    image_size: int
    homepage: str


IDX_SETS = (
    IdxSet(
        dataset="mnist",
        places=("MNIST/raw", "mnist", "raw"),
        class_names=tuple("0123456789"),
        test_labels_sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        num_train=60_000,
        num_test=10_000,
        image_size=28,
        homepage="https://ossci-datasets.s3.amazonaws.com/mnist/ (four .gz files)",
    ),
    IdxSet(
        dataset="fashion-mnist",
        places=("FashionMNIST/raw", "fashion-mnist", "raw"),
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        test_labels_sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        num_train=60_000,
        num_test=10_000,
        image_size=28,
        homepage="https://github.com/zalandoresearch/fashion-mnist (four .gz files)",
    ),
)


def find_idx(folder: Path, places: tuple[str, ...]) -> tuple[Path, ...]:
    """Those of the subfolders `places`, and then `folder` itself, that hold an idx file by MNIST's names."""
    names = [name for stem in _TRAIN + _TEST for name in _spellings(stem)]
    folders = (*(folder / place for place in places), folder)
    return tuple(place for place in folders if any((place / name).is_file() for name in names))


def read_idx_set(folder: Path, expected: IdxSet) -> Dataset:
    """The four files in `folder` as the set that `expected` names.

    Raises DataError where a file is missing or broken, has other sizes, or belongs to another set of the table.
    """
    files, arrays = _read_four(folder)
    published = _published(arrays)
    if published is not None and published.dataset != expected.dataset:
        raise DataError(
            f"{folder} holds {published.dataset} (told by its test labels); expected {expected.dataset}. "
            f"Ask for {published.dataset}, or pass --data DIR with the folder of {expected.dataset}."
        )
    for stem, num_images in ((_TRAIN[0], expected.num_train), (_TEST[0], expected.num_test)):
        shape = (num_images, expected.image_size, expected.image_size)
        if arrays[stem].shape != shape:
            raise DataError(
                f"{_origin(files, stem)}: expected images of shape {shape} for {expected.dataset}, "
                f"found {arrays[stem].shape}."
            )
    return _dataset(files, arrays, expected.dataset, expected.class_names)


def read_idx_folder(folder: Path) -> Dataset:
    """The four files in `folder`, named by their content: a set of the table, or "idx" with numbers for class names.

    Raises DataError where a file is missing or broken or the sizes of the four do not fit each other.
    """
    files, arrays = _read_four(folder)
    published = _published(arrays)
    if published is not None:
        return _dataset(files, arrays, published.dataset, published.class_names)
    highest = int(max(arrays[_TRAIN[1]].max(), arrays[_TEST[1]].max()))
    return _dataset(files, arrays, "idx", tuple(str(label) for label in range(highest + 1)))


def _read_four(folder: Path) -> tuple[FileSet, dict[str, np.ndarray]]:
    """The files of the folder, and by stem the arrays in the four of them, each whole and of fitting lengths."""
    files = folder_files(folder)
    arrays = {}
    for images_stem, labels_stem in (_TRAIN, _TEST):
        for stem, num_dimensions in ((images_stem, 3), (labels_stem, 1)):
            content = files.read(_name(files, stem))
            arrays[stem] = parse_idx(content, _origin(files, stem), num_dimensions=num_dimensions)
        num_images, num_labels = len(arrays[images_stem]), len(arrays[labels_stem])
        if num_images != num_labels:
            raise DataError(
                f"{_origin(files, labels_stem)}: expected {num_images} labels, one for each image, found {num_labels}."
            )
    train_shape, test_shape = arrays[_TRAIN[0]].shape[1:], arrays[_TEST[0]].shape[1:]
    if test_shape != train_shape:
        raise DataError(
            f"{_origin(files, _TEST[0])}: expected images of shape {train_shape} as in the training part, "
            f"found {test_shape}."
        )
    return files, arrays


def _published(arrays: dict[str, np.ndarray]) -> IdxSet | None:
    """The set of the table whose test labels these are, or None for another one."""
    labels = arrays[_TEST[1]]
    header = bytes((0, 0, 8, 1)) + len(labels).to_bytes(4, "big")
    digest = hashlib.sha256(header + labels.tobytes()).hexdigest()
    return next((idx_set for idx_set in IDX_SETS if idx_set.test_labels_sha256 == digest), None)


def _dataset(files: FileSet, arrays: dict[str, np.ndarray], name: str, class_names: tuple[str, ...]) -> Dataset:
    parts = []
    for images_stem, labels_stem in (_TRAIN, _TEST):
        labels = arrays[labels_stem]
        if labels.max() >= len(class_names):
            raise DataError(
                f"{_origin(files, labels_stem)}: expected labels 0..{len(class_names) - 1}, "
                f"found {labels.max()} (label {labels.argmax()} of the file)."
            )
        images = torch.from_numpy(arrays[images_stem][:, None].copy())
        parts.append(ImageSet(images, torch.from_numpy(labels.astype(np.int64))))
    return Dataset(name, parts[0], parts[1], class_names)


def _origin(files: FileSet, stem: str) -> str:
    return files.origin(_name(files, stem))


def _name(files: FileSet, stem: str) -> str:
    """The name under which the file is there, or its first spelling where it is not."""
    return next((name for name in _spellings(stem) if name in files.contents), stem)


def _spellings(stem: str) -> tuple[str, ...]:
    """LeCun's names, the same with a dot (train-images.idx3-ubyte), and both with .gz."""
    dotted = stem.replace("-idx", ".idx")
    return (stem, dotted, f"{stem}.gz", f"{dotted}.gz")
