"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), read from the python or binary layout, in a folder or a tar archive."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from skipline.data.dataset import Dataset
from skipline.data.error import DataError
from skipline.data.image_set import ImageSet
from skipline.data.sets.cifar_layout import (
    CIFAR_LAYOUTS,
    IMAGE_BYTES,
    IMAGE_SIZE,
    NUM_CHANNELS,
    BinaryRows,
    CifarLayout,
    PickledRows,
)
from skipline.data.sets.file_set import FileSet, archive_files, folder_files
from skipline.data.sets.pickled import read_pickled_dict


def read_cifar(place: Path, layout: CifarLayout) -> Dataset:
    """The data set whose files lie in `place`, a folder or an archive, in the given layout.

    Raises DataError, naming the file, what was expected and what was found; nothing is loaded in part.
    """
    files = folder_files(place) if place.is_dir() else archive_files(place, frozenset(layout.files))
    return _read(files, layout)


def read_cifar_archive(archive: Path) -> Dataset:
    """The data set in a tar archive of any name: the layout is told by the names of its members."""
    known = frozenset(name for layout in CIFAR_LAYOUTS for name in layout.files)
    files = archive_files(archive, known)
    for layout in CIFAR_LAYOUTS:
        if any(name in files.contents for name in layout.batch_files):
            return _read(files, layout)
    firsts = ", ".join(layout.batch_files[0] for layout in CIFAR_LAYOUTS)
    raise DataError(
        f"{archive}: expected the batch files of CIFAR-10 or CIFAR-100 (the first of them is one of {firsts}), "
        "found none in the archive."
    )


def _read(files: FileSet, layout: CifarLayout) -> Dataset:
    class_names = _class_names(files, layout)
    train = _image_set(files, layout, layout.train_files, layout.num_train)
    test = _image_set(files, layout, layout.test_files, layout.num_test)
    return Dataset(layout.dataset, train, test, class_names)


def _image_set(files: FileSet, layout: CifarLayout, names: tuple[str, ...], num_images: int) -> ImageSet:
    rows_per_file = num_images // len(names)
    pixels = np.empty((num_images, IMAGE_BYTES), dtype=np.uint8)
    labels = np.empty(num_images, dtype=np.int64)
    for number, name in enumerate(names):
        part = slice(number * rows_per_file, (number + 1) * rows_per_file)
        content, origin = files.read(name), files.origin(name)
        if isinstance(layout.rows, PickledRows):
            pixels[part], labels[part] = _pickled_rows(content, origin, layout.rows, rows_per_file)
        else:
            pixels[part], labels[part] = _binary_rows(content, origin, layout.rows, rows_per_file)
        _check_labels(labels[part], origin, layout.num_classes)
    images = torch.from_numpy(pixels).view(num_images, NUM_CHANNELS, IMAGE_SIZE, IMAGE_SIZE)
    return ImageSet(images, torch.from_numpy(labels))


def _pickled_rows(content: bytes, origin: str, rows: PickledRows, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    if len(content) < num_rows * IMAGE_BYTES:
        raise DataError(
            f"{origin}: expected more than {num_rows * IMAGE_BYTES} bytes ({num_rows} images of {IMAGE_BYTES}), "
            f"found {len(content)}. The file is cut short or another one: download it again."
        )
    batch = read_pickled_dict(content, origin)
    pixels, labels = _entry(batch, "data", origin), _entry(batch, rows.label_key, origin)
    if not isinstance(pixels, np.ndarray) or pixels.shape != (num_rows, IMAGE_BYTES):
        found = pixels.shape if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise DataError(f"{origin}: expected 'data' of shape {(num_rows, IMAGE_BYTES)}, found {found}.")
    if not isinstance(labels, list) or len(labels) != num_rows:
        found = f"{len(labels)}" if isinstance(labels, list) else type(labels).__name__
        raise DataError(f"{origin}: expected a list of {num_rows} labels under {rows.label_key!r}, found {found}.")
    strange = [label for label in labels if type(label) is not int or not 0 <= label <= 255]
    if strange:
        found = strange[0] if type(strange[0]) is int else f"a {type(strange[0]).__name__}"
        raise DataError(f"{origin}: expected class numbers under {rows.label_key!r}, found {found}.")
    return pixels, np.array(labels, dtype=np.int64)


def _binary_rows(content: bytes, origin: str, rows: BinaryRows, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    row_bytes = rows.num_label_bytes + IMAGE_BYTES
    if len(content) != num_rows * row_bytes:
        raise DataError(
            f"{origin}: expected {num_rows * row_bytes} bytes ({num_rows} rows of {row_bytes}), found {len(content)}. "
            "The file is cut short or another one: download it again."
        )
    table = np.frombuffer(content, dtype=np.uint8).reshape(num_rows, row_bytes)
    return table[:, rows.num_label_bytes :], table[:, rows.num_label_bytes - 1].astype(np.int64)


def _check_labels(labels: np.ndarray, origin: str, num_classes: int) -> None:
    highest = labels.max()
    if highest >= num_classes:
        raise DataError(
            f"{origin}: expected labels 0..{num_classes - 1}, found {highest} (image {labels.argmax()} of the file)."
        )


def _class_names(files: FileSet, layout: CifarLayout) -> tuple[str, ...]:
    content, origin = files.read(layout.names_file), files.origin(layout.names_file)
    if isinstance(layout.rows, PickledRows):
        names = _entry(read_pickled_dict(content, origin), layout.rows.names_key, origin)
    else:
        names = content.split()
    decoded = tuple(_text(name) for name in names) if isinstance(names, list) else ()
    if len(decoded) != layout.num_classes or "" in decoded:
        num_names = sum(name != "" for name in decoded)
        raise DataError(f"{origin}: expected {layout.num_classes} class names, found {num_names}.")
    return decoded


def _entry(batch: dict[str, object], key: str, origin: str) -> object:
    if key not in batch:
        raise DataError(f"{origin}: expected an entry {key!r} in the pickled dict, found {sorted(batch)[:8]}.")
    return batch[key]


def _text(name: object) -> str:
    return name.decode("latin-1") if isinstance(name, bytes) else name if isinstance(name, str) else ""
