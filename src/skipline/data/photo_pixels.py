"""The photos of a split as pixels: read once, in several processes, framed, and held as uint8."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skipline.data.decode import LOCAL, Limits
from skipline.data.error import DataError
from skipline.data.framing import Framed, Framing, read_framed
from skipline.data.photo_fact import Unusable
from skipline.data.photo_split import SplitPhoto
from skipline.data.printable import printable
from skipline.data.readers import Readers

_CHANGED = "broken"
MOST_MEMORY = 0.6  # guessed: the rest is for the network, its optimiser and the readers
_MEMORY = Path("/proc/meminfo")


@dataclass(frozen=True, eq=False)
class PhotoPixels:
    """``images``, uint8 (N, 3, side, side), are those of ``photos``; ``lost`` are those that could not be had, and why.

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
    limits: Limits = LOCAL,
) -> PhotoPixels:
    """The pixels of ``photos``, which lie below ``root``, in their order.

    ``show`` is called with how many have been read, of how many. No file that is gone or broken raises: it is lost.
    Raises DataError where the pixels would take more than ``MOST_MEMORY`` of the memory that is free.
    """
    _require_room(len(photos), framing)
    images = torch.empty((len(photos), 3, framing.side, framing.side), dtype=torch.uint8)
    rows = images.numpy().reshape(len(photos), framing.num_bytes)
    lost: dict[int, Unusable] = {}
    done = 0
    show(0, len(photos))
    job = partial(read_framed, framing=framing, limits=limits)
    with Readers(num_processes, job=job) as readers:
        for index, answer in readers.read(root, [photo.file for photo in photos]):
            if isinstance(answer, Framed):
                answer = _store(answer, rows[index], photos[index])
            if answer is not None:
                lost[index] = answer
            done += 1
            show(done, len(photos))
    return _without(images, photos, lost)


def free_bytes() -> int:
    """The memory that can be had without pushing other programs out, where Linux tells it; elsewhere without end."""
    try:
        found = re.search(r"^MemAvailable: +(\d+) kB$", _MEMORY.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        found = None
    return int(found[1]) * 1024 if found else sys.maxsize


def _require_room(num_photos: int, framing: Framing) -> None:
    wanted, free = num_photos * framing.num_bytes, free_bytes()
    if wanted > MOST_MEMORY * free:
        side = max(1, math.isqrt(int(MOST_MEMORY * free / num_photos / 3)))
        raise DataError(
            f"{num_photos:,} photos of {framing.side}×{framing.side} pixels take {wanted / 2**30:,.1f} GiB, and "
            f"{free / 2**30:,.1f} GiB of memory are free. Take a smaller size: --image-size {side} or less."
        )


def _store(answer: Framed, row: np.ndarray, photo: SplitPhoto) -> Unusable | None:
    if answer.content.hex() != photo.sha256:
        return Unusable(_CHANGED, f"{printable(photo.file)}: its bytes are not those that the split names (sha256).")
    row[:] = np.frombuffer(answer.pixels, np.uint8)
    return None


def _without(images: Tensor, photos: Sequence[SplitPhoto], lost: dict[int, Unusable]) -> PhotoPixels:
    kept = [index for index in range(len(photos)) if index not in lost]
    for place, index in enumerate(kept if lost else ()):  # moved up in place: a copy might not fit
        images[place] = images[index].clone() if place != index else images[index]
    return PhotoPixels(
        images=images[: len(kept)],
        photos=tuple(photos[index] for index in kept),
        lost=tuple((photos[index], lost[index]) for index in sorted(lost)),
    )
