"""The idx format of MNIST: a magic number, the lengths of the dimensions, and then unsigned bytes (LeCun 1998).

http://yann.lecun.com/exdb/mnist/: two zero bytes, a byte for the type (8 = unsigned byte), a byte for the number of
dimensions, each length as a big-endian 32-bit integer, the values.
"""

from __future__ import annotations

import gzip
import io
import math
import zlib

import numpy as np

from skipline.data.error import DataError
from skipline.data.file_set import MAX_FILE_BYTES

_UNSIGNED_BYTE = 8


def parse_idx(content: bytes, origin: str, *, num_dimensions: int) -> np.ndarray:
    """The uint8 array in the bytes of an idx file, packed by gzip or not; read-only.

    Raises DataError, naming ``origin``, for another magic number, an empty dimension, a length that does not fit the
    lengths of the dimensions, or gzip data that is broken or cut short.
    """
    unpacked, complaint = _unpack(content)
    header_bytes = 4 + 4 * num_dimensions
    if len(unpacked) < header_bytes:
        raise DataError(
            f"{origin}: expected a header of {header_bytes} bytes, found {len(unpacked)} bytes in all{complaint}. "
            "The file is cut short: download it again."
        )
    magic = bytes((0, 0, _UNSIGNED_BYTE, num_dimensions))
    if unpacked[:4] != magic:
        raise DataError(
            f"{origin}: expected the magic number {magic.hex()} (idx, unsigned bytes, {num_dimensions} dimension(s)), "
            f"found {unpacked[:4].hex()}."
        )
    shape = tuple(int(length) for length in np.frombuffer(unpacked, dtype=">u4", offset=4, count=num_dimensions))
    if 0 in shape:
        raise DataError(f"{origin}: expected dimensions of at least 1, found {shape}.")
    expected = header_bytes + math.prod(shape)
    if len(unpacked) != expected or complaint:
        raise DataError(
            f"{origin}: expected {expected} bytes for the shape {shape} in its header, "
            f"found {len(unpacked)}{complaint}. "
            "The file is cut short or broken: download it again."
        )
    return np.frombuffer(unpacked, dtype=np.uint8, offset=header_bytes).reshape(shape)


def _unpack(content: bytes) -> tuple[bytes, str]:
    """The bytes without gzip, as far as they can be had, and why not all (empty where they are all)."""
    if content[:2] != b"\x1f\x8b":
        return content, ""
    unpacked = bytearray()
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
        try:
            while block := stream.read(2**20):
                unpacked += block
                if len(unpacked) > MAX_FILE_BYTES:
                    return bytes(unpacked), f" (unpacking stopped beyond {MAX_FILE_BYTES})"
        except (EOFError, OSError, zlib.error) as error:
            return bytes(unpacked), f" (gzip: {error})".rstrip(".")
    return bytes(unpacked), ""
