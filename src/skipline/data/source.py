"""A source of data: a name of the table, or a path whose contents are recognised."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from skipline.data.cifar import read_cifar, read_cifar_archive
from skipline.data.cifar_layout import ARCHIVE_SUFFIXES, CIFAR_LAYOUTS, find_cifar
from skipline.data.dataset import Dataset
from skipline.data.digits import load_digits
from skipline.data.error import DataError
from skipline.data.mnist import IDX_SETS, IdxSet, find_idx, read_idx_folder, read_idx_set

_READ_HERE = (
    "Read are: digits (it is in the package), CIFAR-10 and CIFAR-100 as python or binary batches (a folder, .tar, "
    ".tar.gz or .tgz), and MNIST, Fashion-MNIST and other sets in the same four idx files (a folder, each .gz or not)."
)
_IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".avif"))


@dataclass(frozen=True)
class _Found:
    """A place that holds a data set, and how it is read."""

    place: Path
    read: Callable[[], Dataset]


@dataclass(frozen=True)
class _Row:
    """A named data set: what finds it in a folder (the best form first), where that looks below it, and its home."""

    name: str
    find: Callable[[Path], tuple[_Found, ...]]
    places: tuple[str, ...]
    homepage: str


def source_names() -> tuple[str, ...]:
    """The names that ``load`` knows, sorted."""
    return tuple(sorted(("digits", *(row.name for row in (*_CIFAR_ROWS, *_IDX_ROWS)))))


def load(source: str, *, data_dir: Path) -> Dataset:
    """The data set that ``source`` means: a name of ``source_names()``, or the path of a folder or tar archive.

    A name is looked for in ``data_dir``, which is not used for ``digits`` (they are in the package) nor for a path. A
    name wins over a path of the same spelling: write ``./cifar10`` for a folder of that name. Where a data set is
    there in several forms, the python layout is read before the binary one, and the unpacked before the archive.
    Raises DataError where nothing is found, a path holds several data sets, or a file is broken, short or wrong.
    """
    try:
        return _load(source, data_dir)
    except OSError as error:
        raise DataError(f"{error.filename or source} cannot be read: {error.strerror or error}.") from error


def _load(source: str, data_dir: Path) -> Dataset:
    if source == "digits":
        return load_digits()
    for row in (*_CIFAR_ROWS, *_IDX_ROWS):
        if row.name == source:
            return _load_named(row, data_dir)
    path = Path(source)
    if path.is_dir():
        return _load_folder(path)
    if path.is_file():
        if path.name.endswith(ARCHIVE_SUFFIXES):
            return read_cifar_archive(path)
        raise DataError(f"{path}: expected a folder or a tar archive, found a file of another kind. {_READ_HERE}")
    close = difflib.get_close_matches(source.lower(), source_names(), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise DataError(
        f"Unknown source {source!r}: neither a known name nor a path that exists.{hint} "
        f"Names: {', '.join(source_names())}. {_READ_HERE}"
    )


def _load_named(row: _Row, data_dir: Path) -> Dataset:
    found = row.find(data_dir)
    if found:
        return found[0].read()
    absent = "" if data_dir.is_dir() else " (there is no such folder)"
    raise DataError(
        f"{row.name} is not in {data_dir}{absent}. Looked there for its files and for {', '.join(row.places)}. "
        f"Download it from {row.homepage} into that folder, or pass --data DIR with the folder that holds it."
    )


def _load_folder(folder: Path) -> Dataset:
    candidates = [found[0] for row in _CIFAR_ROWS if (found := row.find(folder))]
    idx_places = find_idx(folder, tuple(place for row in _IDX_ROWS for place in row.places))
    candidates += [_Found(place, partial(read_idx_folder, place)) for place in dict.fromkeys(idx_places)]
    if len(candidates) == 1:
        return candidates[0].read()
    if candidates:
        places = ", ".join(str(found.place) for found in candidates)
        raise DataError(
            f"{folder} holds several data sets: {places}. Give the path of one of them, or a name and --data {folder}."
        )
    class_folder = _class_folder(folder)
    if class_folder:
        raise DataError(
            f"{folder} is a folder of image class folders (for example {class_folder}/), which are not read yet. "
            f"{_READ_HERE}"
        )
    raise DataError(f"{folder}: found no data set in it. {_READ_HERE}")


def _class_folder(folder: Path) -> str:
    """The first folder with images in it, one or two levels below ``folder``, or "" where there is none."""
    for pattern in ("*/", "*/*/"):
        for below in sorted(folder.glob(pattern)):
            if any(path.suffix.lower() in _IMAGE_SUFFIXES for path in below.iterdir()):
                return below.relative_to(folder).as_posix()
    return ""


def _find_cifar(dataset: str, folder: Path) -> tuple[_Found, ...]:
    return tuple(_Found(place, partial(read_cifar, place, layout)) for layout, place in find_cifar(folder, dataset))


def _find_idx_set(idx_set: IdxSet, folder: Path) -> tuple[_Found, ...]:
    places = find_idx(folder, idx_set.places)
    return tuple(_Found(place, partial(read_idx_set, place, idx_set)) for place in places)


_CIFAR_ROWS = tuple(
    _Row(
        name=dataset,
        find=partial(_find_cifar, dataset),
        places=tuple(place for layout in CIFAR_LAYOUTS if layout.dataset == dataset for place in layout.places),
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
    )
    for dataset in ("cifar10", "cifar100")
)
_IDX_ROWS = tuple(
    _Row(name=idx_set.dataset, find=partial(_find_idx_set, idx_set), places=idx_set.places, homepage=idx_set.homepage)
    for idx_set in IDX_SETS
)
