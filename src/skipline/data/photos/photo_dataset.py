"""A folder of photos as a data set to train on: split, read, and what was left out of it kept by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from skipline.amount import counted
from skipline.data.dataset import Dataset
from skipline.data.error import DataError
from skipline.data.image_set import ImageSet
from skipline.data.photos.cache_place import PhotoCache
from skipline.data.photos.duplicates import Duplicates
from skipline.data.photos.fact import Fact, PhotoFact
from skipline.data.photos.folder import PhotoFolder
from skipline.data.photos.framed import PhotoPixels, read_pixels
from skipline.data.photos.framing import Framing
from skipline.data.photos.printable import printable
from skipline.data.photos.split import LeftOut, Split, SplitPhoto, split_photos

HELD_OUT = 0.15  # of a folder without parts, for validation and again for the test; guessed


@dataclass(frozen=True, kw_only=True)
class PhotoSettings:
    """How a folder of photos becomes a data set.

    `image_size`: the side in pixels to which every photo is resized; "auto" follows from the photos. The shares are
    held out of the training images where the folder has no such part of its own. "auto": `HELD_OUT` for validation;
    for the test as much where the folder has no parts at all, else nothing. `split_from`: a run whose split is taken
    over instead (`split_again`), which no share goes with.
    """

    image_size: int | Literal["auto"] = "auto"
    val_share: float | Literal["auto"] = "auto"
    test_share: float | Literal["auto"] = "auto"
    split_from: str = ""

    def __post_init__(self) -> None:
        if self.image_size != "auto":
            Framing(self.image_size)  # refuses what is no size
        if self.split_from and (self.val_share, self.test_share) != ("auto", "auto"):
            raise DataError(
                f"split_from is {self.split_from!r}, whose split is taken over: leave val_share and test_share out."
            )

    def shares(self, folder: PhotoFolder) -> tuple[float, float]:
        """The shares of `folder` for validation and test."""
        val = HELD_OUT if self.val_share == "auto" else self.val_share
        test = (HELD_OUT if "all" in folder.parts else 0.0) if self.test_share == "auto" else self.test_share
        return val, test


def split_folder(
    folder: PhotoFolder, facts: Sequence[Fact], duplicates: Duplicates, *, seed: int, settings: PhotoSettings
) -> Split:
    """`split_photos` of the usable photos, with those that are not usable named as left out."""
    usable = {index: fact for index, fact in enumerate(facts) if isinstance(fact, PhotoFact)}
    val, test = settings.shares(folder)
    split = split_photos(folder, usable, duplicates, seed=seed, val_share=val, test_share=test)
    unusable = [
        LeftOut(photo.name, fact.why)
        for photo, fact in zip(folder.photos, facts, strict=True)
        if not isinstance(fact, PhotoFact)
    ]
    return replace(split, left_out=tuple(unusable))


def photo_dataset(
    split: Split,
    class_names: tuple[str, ...],
    framing: Framing,
    *,
    num_processes: int,
    show: Callable[[int, int], None],
    cache: PhotoCache | None = None,
) -> Dataset:
    """The training and the validation part of `split`: `Dataset.test` is what a run is judged by while it trains.

    The test part is not read: it is for afterwards. A photo that is gone, broken or changed since it was checked is
    left out and named. Raises DataError where nothing is left to learn one of the classes from, or to judge by.
    """
    root = Path(split.folder)
    if not split.val:
        raise DataError(
            f"{printable(split.folder)}: no image is held out to judge the training by. Give a folder val/ beside "
            "train/, or a share: --val-share 0.15."
        )
    both = (*split.train, *split.val)
    found = read_pixels(root, both, framing, num_processes=num_processes, show=show, cache=cache)
    lost = {photo for photo, _ in found.lost}
    left_out = (*split.left_out, *(LeftOut(photo.file, unusable.why) for photo, unusable in found.lost))
    kept = replace(
        split,
        train=tuple(photo for photo in split.train if photo not in lost),
        val=tuple(photo for photo in split.val if photo not in lost),
        left_out=left_out,
    )
    _require_enough(kept, class_names)
    return _dataset(kept, class_names, framing, found)


def same_photo_dataset(
    split: Split,
    class_names: tuple[str, ...],
    framing: Framing,
    *,
    root: Path,
    num_processes: int,
    show: Callable[[int, int], None],
    cache: PhotoCache | None = None,
) -> Dataset:
    """The same data as when a run was begun with `split`, read below `root`, where they lie now.

    Raises DataError where a photo is gone, broken or another than it was.
    """
    found = read_pixels(root, (*split.train, *split.val), framing, num_processes=num_processes, show=show, cache=cache)
    if found.lost:
        raise DataError(
            f"{printable(str(root))}: {counted(len(found.lost), 'photo')} of the run changed or lost, so it "
            f"cannot go on as it began. The first: {found.lost[0][1].why} Put them back, or train again."
        )
    return _dataset(split, class_names, framing, found)


def _dataset(split: Split, class_names: tuple[str, ...], framing: Framing, found: PhotoPixels) -> Dataset:
    num_train = len(split.train)
    return Dataset(
        Path(split.folder).name,
        ImageSet(found.images[:num_train], _labels(split.train)),
        ImageSet(found.images[num_train:], _labels(split.val)),
        class_names,
        framing=framing,
        split=split,
    )


def _labels(photos: Sequence[SplitPhoto]) -> torch.Tensor:
    return torch.tensor([photo.label for photo in photos], dtype=torch.int64)


def _require_enough(split: Split, class_names: tuple[str, ...]) -> None:
    learnt: Mapping[int, int] = Counter(photo.label for photo in split.train)
    without = [name for label, name in enumerate(class_names) if not learnt[label]]
    if without or not split.val:
        what = f"class {printable(without[0])} has no training photo left" if without else "no validation photo is left"
        first = f" The first that was left out: {split.left_out[0].why}" if split.left_out else ""
        raise DataError(f"{printable(split.folder)}: {what}; {counted(len(split.left_out), 'photo')} left out.{first}")
