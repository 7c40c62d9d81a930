"""A source of data: a name of the table, or a path whose contents are recognised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from skipline.data.dataset import Dataset
from skipline.data.error import DataError
from skipline.data.photos.image_format import SUFFIXES
from skipline.data.photos.listing import TABLE_SUFFIXES
from skipline.data.sets.cifar import read_cifar, read_cifar_archive
from skipline.data.sets.cifar_layout import ARCHIVE_SUFFIXES, CIFAR_LAYOUTS, find_cifar
from skipline.data.sets.digits import load_digits
from skipline.data.sets.mnist import IDX_SETS, IdxSet, find_idx, read_idx_folder, read_idx_set
from skipline.wording import did_you_mean


@dataclass(frozen=True)
class DataDefaults:
    """What suits a data set's images where nobody says otherwise.

    `model`: a network's name in the zoo. `pad`: pixels of padding before a random crop. `flips`: whether an image
    means the same mirrored; a digit and the print on a shirt do not.
    """

    model: str
    pad: int
    flips: bool


@dataclass(frozen=True)
class _Found:
    """A place that holds a data set, and how it is read."""

    place: Path
    read: Callable[[], Dataset]


@dataclass(frozen=True)
class Source:
    """A row of the table of data sets: everything that depends on which one it is.

    `form` is what it is read from, in words. `find` finds it by name in a folder, the best form first, and
    `recognise` what a folder of an unknown kind holds; `places` is where both look below the folder, `homepage`
    where there is more of it.
    """

    name: str
    form: str
    find: Callable[[Path], tuple[_Found, ...]]
    recognise: Callable[[Path], tuple[_Found, ...]]
    places: tuple[str, ...]
    homepage: str
    defaults: DataDefaults


def source_names() -> tuple[str, ...]:
    """The names that `load` knows, in the table's order."""
    return tuple(row.name for row in SOURCES)


def defaults_of(name: str) -> DataDefaults:
    """What suits the data set called `name`, which is `Dataset.name` and not the path that it was read from."""
    return next((row.defaults for row in SOURCES if row.name == name), _UNKNOWN)


def place_of(source: str, data_dir: Path) -> Path:
    """Where the data of `source` lie, as an absolute path: `data_dir` for a name, and for a path that path."""
    return (data_dir if source in source_names() else Path(source)).absolute()


def load(source: str, *, data_dir: Path) -> Dataset:
    """The data set that `source` means: a name of `source_names()`, or the path of a folder or tar archive.

    A name is looked for in `data_dir`, which is not used for `digits` (they are in the package) nor for a path. A
    name wins over a path of the same spelling: write `./cifar10` for a folder of that name. Where a data set is
    there in several forms, the python layout is read before the binary one, and the unpacked before the archive.
    Raises DataError where nothing is found, a path holds several data sets, or a file is broken, short or wrong.
    """
    try:
        return _load(source, data_dir)
    except OSError as error:
        raise DataError(f"{error.filename or source} cannot be read: {error.strerror or error}.") from error


def is_photos(source: str) -> bool:
    """Whether `source` is the path of photos: a folder in which no data set is recognised, or a table of them."""
    path = Path(source)
    if not source or source in source_names() or not path.exists():
        return False
    if path.is_dir():
        return not any(row.recognise(path) for row in SOURCES)
    return path.suffix.lower() in TABLE_SUFFIXES


def _load(source: str, data_dir: Path) -> Dataset:
    for row in SOURCES:
        if row.name == source:
            return _load_named(row, data_dir)
    path = Path(source)
    if path.is_dir():
        return _load_folder(path)
    if path.is_file():
        if path.name.endswith(ARCHIVE_SUFFIXES):
            return read_cifar_archive(path)
        raise DataError(f"{path}: expected a folder or a tar archive, found a file of another kind. {_read_here()}")
    hint = did_you_mean(source.lower(), source_names())
    raise DataError(
        f"Unknown source {source!r}: neither a known name nor a path that exists.{hint} "
        f"Names: {', '.join(source_names())}. {_read_here()}"
    )


def _load_named(row: Source, data_dir: Path) -> Dataset:
    found = row.find(data_dir)
    if found:
        return found[0].read()
    absent = "" if data_dir.is_dir() else " (there is no such folder)"
    raise DataError(
        f"{row.name} is not in {data_dir}{absent}. Looked there for its files and for {', '.join(row.places)}. "
        f"Download it from {row.homepage} into that folder, or pass --data DIR with the folder that holds it."
    )


def _load_folder(folder: Path) -> Dataset:
    candidates = {found.place: found for row in SOURCES for found in row.recognise(folder)}
    if len(candidates) == 1:
        return next(iter(candidates.values())).read()
    if candidates:
        places = ", ".join(map(str, candidates))
        raise DataError(
            f"{folder} holds several data sets: {places}. Give the path of one of them, or a name and --data {folder}."
        )
    class_folder = _class_folder(folder)
    if class_folder:
        raise DataError(
            f"{folder} is a folder of photos (for example in {class_folder}/). Those are read by: skipline check, "
            "skipline train and skipline predict."
        )
    raise DataError(f"{folder}: found no data set in it. {_read_here()}")


def _class_folder(folder: Path) -> str:
    """The first folder with images in it, one or two levels below `folder`, or "" where there is none."""
    for pattern in ("*/", "*/*/"):
        for below in sorted(folder.glob(pattern)):
            if any(path.suffix.lower() in SUFFIXES for path in below.iterdir()):
                return below.relative_to(folder).as_posix()
    return ""


def _read_here() -> str:
    forms = dict.fromkeys(row.form for row in SOURCES)
    sets = {form: " and ".join(row.name for row in SOURCES if row.form == form) for form in forms}
    return f"Read are: {'; '.join(f'{names}, {form}' for form, names in sets.items())}."


def _in_package(data_dir: Path) -> tuple[_Found, ...]:
    return (_Found(data_dir, load_digits),)


def _nothing(folder: Path) -> tuple[_Found, ...]:
    del folder
    return ()


def _find_cifar(dataset: str, folder: Path) -> tuple[_Found, ...]:
    return tuple(_Found(place, partial(read_cifar, place, layout)) for layout, place in find_cifar(folder, dataset))


def _recognise_cifar(dataset: str, folder: Path) -> tuple[_Found, ...]:
    return _find_cifar(dataset, folder)[:1]


def _find_idx_set(idx_set: IdxSet, folder: Path) -> tuple[_Found, ...]:
    places = find_idx(folder, idx_set.places)
    return tuple(_Found(place, partial(read_idx_set, place, idx_set)) for place in places)


def _recognise_idx_set(idx_set: IdxSet, folder: Path) -> tuple[_Found, ...]:
    """Any set in such files where this one is looked for: its content says which it is."""
    return tuple(_Found(place, partial(read_idx_folder, place)) for place in find_idx(folder, idx_set.places))


def _cifar(dataset: str) -> Source:
    return Source(
        name=dataset,
        form=f"as python or binary batches (a folder, or one of {', '.join(ARCHIVE_SUFFIXES)})",
        find=partial(_find_cifar, dataset),
        recognise=partial(_recognise_cifar, dataset),
        places=tuple(place for layout in CIFAR_LAYOUTS if layout.dataset == dataset for place in layout.places),
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        defaults=DataDefaults(model="cifar_resnet20", pad=4, flips=True),
    )


def _idx(idx_set: IdxSet) -> Source:
    return Source(
        name=idx_set.dataset,
        form="as four idx files (a folder, each .gz or not), and other sets in such files",
        find=partial(_find_idx_set, idx_set),
        recognise=partial(_recognise_idx_set, idx_set),
        places=idx_set.places,
        homepage=idx_set.homepage,
        defaults=_UNKNOWN,
    )


# Four pixels are He et al. 2015, section 4.2, for images of 32×32. The digits of 8×8 are too small to be moved about.
_UNKNOWN = DataDefaults(model="cifar_resnet20", pad=4, flips=False)
SOURCES: tuple[Source, ...] = (
    Source(
        name="digits",
        form="which come with skipline",
        find=_in_package,
        recognise=_nothing,
        places=(),
        homepage="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        defaults=DataDefaults(model="digits_resnet20", pad=0, flips=False),
    ),
    *map(_cifar, ("cifar10", "cifar100")),
    *map(_idx, IDX_SETS),
)
