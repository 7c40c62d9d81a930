"""The idx format of MNIST: a magic number, the lengths of the dimensions, and then unsigned bytes (LeCun 1998).

http://yann.lecun.com/exdb/mnist/: two zero bytes, a byte for the type (8 = unsigned byte), a byte for the number of
dimensions, each length as a big-endian 32-bit integer, the values.
"""

from __future__ import annotations

import math
import zlib

import numpy as np

from skipline.amount import counted
from skipline.data.error import DataError
from skipline.data.sets.file_set import MAX_FILE_BYTES

_UNSIGNED_BYTE = 8
_GZIP_WINDOW = 31  # zlib: the largest window, 15, and 16 for a gzip header and checksum


def parse_idx(content: bytes, origin: str, *, num_dimensions: int) -> np.ndarray:
    """The uint8 array in the bytes of an idx file, packed by gzip or not; read-only.

    Raises DataError, naming `origin`, for another magic number, an empty dimension, a length that does not fit the
    lengths of the dimensions, or gzip data that is broken or cut short.
    """
    unpacked, cut = _unpack(content, origin)
    header_bytes = 4 + 4 * num_dimensions
    if len(unpacked) < header_bytes:
        raise DataError(
            f"{origin}: expected a header of {header_bytes} bytes, found {len(unpacked)} bytes in all{cut}. "
            "The file is cut short: download it again."
        )
    magic = bytes((0, 0, _UNSIGNED_BYTE, num_dimensions))
    if unpacked[:4] != magic:
        raise DataError(
            f"{origin}: expected the magic number {magic.hex()} (idx, unsigned bytes, "
            f"{counted(num_dimensions, 'dimension')}), found {unpacked[:4].hex()}."
        )
    shape = tuple(int(length) for length in np.frombuffer(unpacked, dtype=">u4", offset=4, count=num_dimensions))
    if 0 in shape:
        raise DataError(f"{origin}: expected dimensions of at least 1, found {shape}.")
    expected = header_bytes + math.prod(shape)
    if len(unpacked) != expected or cut:
        raise DataError(
            f"{origin}: expected {expected} bytes for the shape {shape} in its header, found {len(unpacked)}{cut}. "
            "The file is cut short or broken: download it again."
        )
    return np.frombuffer(unpacked, dtype=np.uint8, offset=header_bytes).reshape(shape)


def _unpack(content: bytes, origin: str) -> tuple[bytes, str]:
    """The bytes without gzip, as many as there are, and where the gzip data ends too early, words that say so."""
    if content[:2] != b"\x1f\x8b":
        return content, ""
    unpacker = zlib.decompressobj(wbits=_GZIP_WINDOW)
    try:
        unpacked = unpacker.decompress(content, MAX_FILE_BYTES + 1)
    except zlib.error as error:
        raise DataError(
            f"{origin}: expected whole gzip data, found {len(content)} packed bytes that are broken ({error}). "
            "Download the file again."
        ) from error
    if len(unpacked) > MAX_FILE_BYTES:
        raise DataError(f"{origin}: expected at most {MAX_FILE_BYTES} unpacked bytes, found more: a wrong file.")
    if unpacker.unused_data:
        raise DataError(
            f"{origin}: expected nothing after the gzip data, found {len(unpacker.unused_data)} bytes. "
            "Download the file again."
        )
    return unpacked, "" if unpacker.eof else " before its gzip data was cut off"
