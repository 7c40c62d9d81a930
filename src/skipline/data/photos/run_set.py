"""The photos of a run: what its `split.json`, `classes.json` and `preprocess.json` say, loaded again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from skipline.data.document import load_document
from skipline.data.error import DataError
from skipline.data.image_set import ImageSet
from skipline.data.photos.classes import load_classes
from skipline.data.photos.decode import Unusable
from skipline.data.photos.framed import read_pixels
from skipline.data.photos.printable import printable
from skipline.data.photos.sighting import Part
from skipline.data.photos.split import SplitPhoto, load_split
from skipline.data.preprocess import Preprocess
from skipline.store.run_files import CLASSES, PREPROCESS, SPLIT


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """One part of a run's photos: `images` are those of `photos`, whose `file` is a path below `root`.

    `lost`: photos of the part that are gone, unreadable or changed since the run was begun, and why.
    """

    root: Path
    class_names: tuple[str, ...]
    preprocess: Preprocess
    images: ImageSet
    photos: tuple[SplitPhoto, ...]
    lost: tuple[tuple[SplitPhoto, Unusable], ...]


def load_photo_set(
    run: Path,
    part: Part,
    *,
    root: Path | None = None,
    num_processes: int,
    show: Callable[[int, int], None],
) -> PhotoSet:
    """The photos of `part` ("train", "val", "test"; "all" are those of the three) of the run folder `run`.

    They are read from where the run had them, or from `root` where they have moved; in `num_processes` processes
    beside this one. `show` is called with how many have been read, of how many. Raises DataError where the run is
    not on photos, the part has no photo, or none of them is there any more.
    """
    split = load_split(run / SPLIT)
    class_names = load_classes(run / CLASSES).names
    preprocess = read_preprocess(run / PREPROCESS)
    place = Path(split.folder) if root is None else root
    photos = split.part(part)
    if preprocess.framing is None:
        raise DataError(f"{printable(str(run / PREPROCESS))} has no framing, so the run was not on photos.")
    if not photos:
        raise DataError(f"{printable(str(run))}: its {part} part has no photo. Evaluate it on another part.")
    found = read_pixels(place, photos, preprocess.framing, num_processes=num_processes, show=show)
    if not found.photos:
        raise DataError(
            f"no photo of the {part} part can be read in {printable(str(place))}; the first of {len(photos):,}: "
            f"{found.lost[0][1].why} If they have moved, give their current place: --data PATH"
        )
    labels = torch.tensor([photo.label for photo in found.photos], dtype=torch.int64)
    images = ImageSet(found.images, labels)
    return PhotoSet(place, class_names, preprocess, images, found.photos, found.lost)


def read_preprocess(path: Path) -> Preprocess:
    """The preprocessing in `preprocess.json`. Raises DataError, naming the file; what to do then, the caller says."""
    return load_document(path, Preprocess.from_json, called="the preprocessing of the run's images", remedy="")
