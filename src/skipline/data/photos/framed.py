"""The photos of a split as pixels: read once, in several processes, framed, and held as uint8 or kept in a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skipline.amount import counted, size_text
from skipline.data.error import DataError
from skipline.data.photos.cache import Kept, open_kept, writing_kept
from skipline.data.photos.cache_place import PhotoCache
from skipline.data.photos.decode import LOCAL, Unusable
from skipline.data.photos.framing import Framed, Framing, read_framed
from skipline.data.photos.printable import printable
from skipline.data.photos.readers import Readers
from skipline.data.photos.split import SplitPhoto
from skipline.files import StorageError, storage_error
from skipline.system_memory import free_system_memory

_CHANGED = "broken"
MOST_MEMORY = 0.6  # guessed: the rest is for the network, its optimiser and the readers


@dataclass(frozen=True, eq=False)
class PhotoPixels:
    """`images`, uint8 (N, 3, side, side), are those of `photos`; `lost` are those that could not be had, and why.

    A photo is lost where it cannot be read, and where its bytes are no longer those that the split names.
    """

    images: Tensor
    photos: tuple[SplitPhoto, ...]
    lost: tuple[tuple[SplitPhoto, Unusable], ...]


def read_pixels(
    root: Path,
    photos: Sequence[SplitPhoto],
    framing: Framing,
    *,
    num_processes: int,
    show: Callable[[int, int], None],
    cache: PhotoCache | None = None,
) -> PhotoPixels:
    """The pixels of `photos`, which lie below `root`, in their order.

    `show` is called with how many have been read, of how many. No file that is gone or broken raises: it is lost.
    With a `cache` only photos that it does not hold are decoded (all are read: a photo is known by its bytes), and
    the pixels lie in its file, mapped. Raises DataError where they are to be in memory and would take more than
    `MOST_MEMORY` of what is free; StorageError where a cache that was asked for cannot be written.
    """
    reading = _Reading(root, photos, framing, num_processes, show)
    if cache is not None:
        try:
            return _through(cache, reading)
        except OSError as error:  # of the cache: what is wrong with a photo is said of the photo
            told = error if isinstance(error, StorageError) else storage_error(cache.place_of(root, framing), error)
            if cache.is_asked:
                raise told from error
            cache.tell(f"{told} The photos are kept in memory instead, without a cache; another folder: --cache DIR.")
    _require_room(len(photos), framing)
    images = torch.empty((len(photos), 3, framing.side, framing.side), dtype=torch.uint8)
    rows = images.numpy().reshape(len(photos), framing.num_bytes)

    def put(index: int, content: bytes) -> None:
        rows[index] = np.frombuffer(content, np.uint8)

    lost = reading.read(frozenset(), put)
    kept = _rest(len(photos), lost)
    for place, index in enumerate(kept if lost else ()):  # moved up in place: a copy might not fit
        images[place] = images[index].clone() if place != index else images[index]
    return reading.result(images[: len(kept)], lost)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Photos that are to be read, and how."""

    root: Path
    photos: Sequence[SplitPhoto]
    framing: Framing
    num_processes: int
    show: Callable[[int, int], None]

    def read(self, known: frozenset[bytes], put: Callable[[int, bytes], None]) -> dict[int, Unusable]:
        """Read all; `put` the pixels of those that are not `known` by their index. Which are lost, and why."""
        lost: dict[int, Unusable] = {}
        done = 0
        self.show(0, len(self.photos))
        job = partial(read_framed, framing=self.framing, limits=LOCAL, known=known)
        with Readers(self.num_processes, job=job) as readers:
            for index, answer in readers.read(self.root, [photo.file for photo in self.photos]):
                if isinstance(answer, Unusable):
                    lost[index] = answer
                elif answer.content.hex() != self.photos[index].sha256:
                    lost[index] = Unusable(
                        self.photos[index].file, _CHANGED, "its bytes are not those that the split names (sha256)"
                    )
                elif isinstance(answer, Framed):
                    put(index, answer.pixels)
                done += 1
                self.show(done, len(self.photos))
        return lost

    def result(self, images: Tensor, lost: dict[int, Unusable]) -> PhotoPixels:
        """`images` are those of the photos that are not lost, in their order."""
        return PhotoPixels(
            images=images,
            photos=tuple(self.photos[index] for index in _rest(len(self.photos), lost)),
            lost=tuple((self.photos[index], lost[index]) for index in sorted(lost)),
        )


def _through(cache: PhotoCache, reading: _Reading) -> PhotoPixels:
    """`reading`, by way of the cache's file, which afterwards holds these photos and no others."""
    photos, framing = reading.photos, reading.framing
    path = cache.place_of(reading.root, framing)
    kept = open_kept(path, framing, LOCAL)
    if kept.note:
        cache.tell(kept.note)
    wanted = tuple(bytes.fromhex(photo.sha256) for photo in photos)
    known = frozenset(kept.rows)
    if kept.is_whole and kept.order == wanted:
        lost = reading.read(known, _refuse)
        if not lost:
            cache.tell(
                f"no photo had to be decoded: all pixels are kept in {printable(str(path))} and fit its checksums"
            )
            return reading.result(kept.images, lost)
        images = _written(path, reading, kept, lost)
    else:
        with writing_kept(path, framing, LOCAL, len(photos)) as writer:
            lost = reading.read(known, writer.put)
            rest = _rest(len(photos), lost)
            for index in rest:
                if wanted[index] in kept.rows:
                    writer.put(index, _row(kept, wanted[index]))
            images = writer.finish(rest, [wanted[index] for index in rest])
    num = sum(photo not in known for photo in wanted)
    decoded = f"{num:,} of {counted(len(wanted), 'photo')} decoded" if num < len(wanted) else "all photos decoded"
    kept_as = f"{size_text(images.numel())} in {printable(str(path))}"
    cache.tell(f"{decoded}; the pixels of all are kept for the next run, {kept_as} (--cache off keeps none)")
    return reading.result(images, lost)


def _written(path: Path, reading: _Reading, kept: Kept, lost: dict[int, Unusable]) -> Tensor:
    """The file anew, of rows that it has, without the photos that are `lost`."""
    rest = _rest(len(reading.photos), lost)
    with writing_kept(path, reading.framing, LOCAL, len(rest)) as writer:
        for place, row in enumerate(rest):
            writer.put(place, kept.images[row].numpy().tobytes())
        return writer.finish(range(len(rest)), [kept.order[row] for row in rest])


def _row(kept: Kept, sha256: bytes) -> bytes:
    return kept.images[kept.rows[sha256]].numpy().tobytes()


def _refuse(index: int, content: bytes) -> None:
    raise AssertionError(f"photo {index} is known by its sha256 and was decoded into {len(content)} bytes")


def _rest(num: int, lost: Container[int]) -> list[int]:
    return [index for index in range(num) if index not in lost]


def _require_room(num_photos: int, framing: Framing) -> None:
    wanted, free = num_photos * framing.num_bytes, free_system_memory()
    if wanted > MOST_MEMORY * free:
        side = max(1, math.isqrt(int(MOST_MEMORY * free / num_photos / 3)))
        raise DataError(
            f"{counted(num_photos, 'photo')} of {framing.side}×{framing.side} pixels would fill {size_text(wanted)}, "
            f"and {size_text(free)} of memory are free. Let them lie on a disk (--cache DIR), or take a smaller size: "
            f"--image-size {side} or less."
        )
