"""Photos as a net sees them, kept in one file between runs: whole or absent, checked, and mapped into memory.

The file is 4,096 bytes of JSON padded with spaces, then the pixels row after row, then for each row the photo's sha256
and the CRC-32 of the row. Where anything that decides pixels is not what it was, no row is used.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from skipline.amount import counted
from skipline.data.photos.cache_place import decoder
from skipline.data.photos.decode import Limits
from skipline.data.photos.framing import Framing
from skipline.data.photos.printable import printable
from skipline.files import PARTIAL_SUFFIX, replacing

FORMAT = "skipline.photo_cache"
VERSION = 1
_HEAD = 4096  # a page: the pixels begin on one
_HASH, _ENTRY = 32, 36  # bytes of a sha256, and of that and a CRC-32
_ABANDONED_SECONDS = 24 * 3600  # guessed: nobody writes one file for a day


@dataclass(frozen=True, eq=False)
class Kept:
    """What a file holds: `images`, uint8 (N, 3, side, side), mapped; the row of each photo by its sha256.

    `order` has the sha256 of every row; `rows` only those of rows that are whole, which `is_whole` says of all.
    `note` says in a sentence what is wrong with the file, if anything is.
    """

    images: Tensor
    order: tuple[bytes, ...]
    rows: Mapping[bytes, int]
    is_whole: bool
    note: str


def open_kept(path: Path, framing: Framing, limits: Limits) -> Kept:
    """The photos in `path` that can be used for `framing`, every row checked; none where there is no such file."""
    try:
        with path.open("rb") as file:
            return _kept_in(file, framing, limits, str(path))
    except FileNotFoundError:
        return _nothing(framing, "")
    except OSError as error:
        return _nothing(framing, f"the kept photos in {printable(str(path))} cannot be read: {error.strerror}.")


class KeptWriter:
    """Writes rows in any order; see `writing_kept`."""

    def __init__(self, file: BinaryIO, framing: Framing, limits: Limits, num: int) -> None:
        self._file = file
        self._framing = framing
        self._limits = limits
        self._sums = np.zeros(num, dtype="<u4")
        if sys.platform == "linux":  # so that a disk that is full says so now, and not after the last photo
            with _unless_unsupported():
                os.posix_fallocate(file.fileno(), 0, _HEAD + num * (framing.num_bytes + _ENTRY))

    def put(self, row: int, content: bytes | memoryview) -> None:
        """Write the pixels of `row`."""
        self._file.seek(self._place(row))
        self._file.write(content)
        self._sums[row] = zlib.crc32(content)

    def finish(self, rows: Sequence[int], order: Sequence[bytes]) -> Tensor:
        """End the file with `rows`, which rise and which the photos of sha256 `order` fill; their pixels, mapped.

        Rows between them are dropped.
        """
        for place, row in enumerate(rows):
            if place != row:
                self._file.seek(self._place(row))
                content = self._file.read(self._framing.num_bytes)
                self.put(place, content)
        sums = self._sums[: len(rows)]
        index = b"".join(sha256 + sum_.tobytes() for sha256, sum_ in zip(order, sums, strict=True))
        head = {**_expected(self._framing, self._limits), "num": len(rows), "index_crc32": zlib.crc32(index)}
        text = json.dumps(head).encode()
        self._file.seek(self._place(len(rows)))
        self._file.write(index)
        self._file.truncate()
        self._file.seek(0)
        self._file.write(text.ljust(_HEAD - 1) + b"\n")
        self._file.flush()
        return _mapped(self._file, self._framing, len(rows))

    def _place(self, row: int) -> int:
        return _HEAD + row * self._framing.num_bytes


@contextmanager
def writing_kept(path: Path, framing: Framing, limits: Limits, num: int) -> Iterator[KeptWriter]:
    """Write the photos of a file that takes the place of `path` when the block ends: `num` rows at most.

    Raises OSError where it cannot be written, and then `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    with replacing(path) as file:
        yield KeptWriter(file, framing, limits, num)


def _kept_in(file: BinaryIO, framing: Framing, limits: Limits, name: str) -> Kept:
    where = f"the kept photos in {printable(name)}"
    again = "They are read again."
    head = _head(file.read(_HEAD))
    if head is None:
        return _nothing(framing, f"{where} are no such file, or a broken one. {again}")
    num, index_sum = head.pop("num", None), head.pop("index_crc32", None)
    expected = _expected(framing, limits)
    differing = [key for key in {**expected, **head} if head.get(key) != expected.get(key)]
    if differing:
        return _nothing(framing, f"{where} were made otherwise ({', '.join(sorted(differing))}). {again}")
    size = os.fstat(file.fileno()).st_size
    if not isinstance(num, int) or size != _HEAD + num * (framing.num_bytes + _ENTRY):
        return _nothing(framing, f"{where} are not whole: {size:,} bytes. {again}")
    file.seek(_HEAD + num * framing.num_bytes)
    index = file.read(num * _ENTRY)
    if zlib.crc32(index) != index_sum:
        return _nothing(framing, f"{where} are damaged: their list does not fit its checksum. {again}")
    order = tuple(index[start : start + _HASH] for start in range(0, len(index), _ENTRY))
    sums = np.frombuffer(index, np.uint8).reshape(num, _ENTRY)[:, _HASH:].copy().view("<u4").ravel()
    images = _mapped(file, framing, num)
    pixels = images.numpy().reshape(num, framing.num_bytes)
    whole = [row for row in range(num) if zlib.crc32(pixels[row]) == sums[row]]
    lost = num - len(whole)
    fit = "1 does not fit its checksum" if lost == 1 else f"{lost:,} do not fit their checksums"
    note = f"{where} are damaged: of {counted(num, 'photo')} {fit}. Read again: what is not whole." if lost else ""
    return Kept(images, order, {order[row]: row for row in whole}, not lost, note)


def _nothing(framing: Framing, note: str) -> Kept:
    return Kept(torch.empty((0, 3, framing.side, framing.side), dtype=torch.uint8), (), {}, is_whole=False, note=note)


def _head(text: bytes) -> dict[str, Any] | None:
    try:
        head = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return head if isinstance(head, dict) and head.get("format") == FORMAT else None


def _expected(framing: Framing, limits: Limits) -> dict[str, Any]:
    """What a file says of how its pixels came about: all that decides them beside the photos."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "framing": framing.to_json(),
        **decoder(limits),
    }


def _mapped(file: BinaryIO, framing: Framing, num: int) -> Tensor:
    """The pixels in `file`, to be read only: they are in memory as far as the system has room for them.

    Not copied on writing: of such a mapping Linux refuses one that is larger than the memory.
    """
    shape = (num, 3, framing.side, framing.side)
    if num == 0:
        return torch.empty(shape, dtype=torch.uint8)
    array = np.memmap(file, dtype=np.uint8, mode="r", offset=_HEAD, shape=shape)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


@contextmanager
def _unless_unsupported() -> Iterator[None]:
    """Pass over a file system that cannot set room aside; a disk that is full is no such thing."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise


def _remove_abandoned(path: Path) -> None:
    """Remove what processes that were killed have left of this file."""
    for partial in path.parent.glob(f".{path.name}.*{PARTIAL_SUFFIX}"):
        with suppress(OSError):
            if time.time() - partial.stat().st_mtime > _ABANDONED_SECONDS:
                partial.unlink()
