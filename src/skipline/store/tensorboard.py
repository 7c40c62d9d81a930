"""A run's evaluations as an event file that TensorBoard reads, written without it.

A file is a row of records: length, a checksum of it, the bytes, a checksum of them (TensorFlow, lib/io/record_writer.h:
little-endian, CRC-32C of RFC 3720 with a mask). The bytes are an Event in protocol buffers (core/util/event.proto).
"""

from __future__ import annotations

import datetime
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skipline.files import read_number, write_whole
from skipline.store.entry import RunEntry
from skipline.store.evaluations import read_evaluations
from skipline.store.run_files import METRICS

TAGS: Mapping[str, str] = {
    "train_loss": "loss/training",
    "test_loss": "loss/test",
    "train_error": "error/training",
    "test_error": "error/test",
    "learning_rate": "learning_rate",
    "images_per_second": "images_per_second",
}
_POLYNOMIAL = 0x82F63B78  # CRC-32C, its bits in reverse: RFC 3720, appendix B.4
_MASK = 0xA282EAD8  # record_writer.h: so that a checksum of what has checksums in it is not 0
_MOST = float.fromhex("0x1.fffffep+127")  # what a number of 32 bits can hold (IEEE 754)
_DOUBLE, _VARINT, _BYTES, _FLOAT = 1, 0, 2, 5  # wire types of protocol buffers


def write_events(run: RunEntry, folder: Path, out: Path) -> Path:
    """Write the evaluations of `run`, which lies in `folder`, to an event file in `out`/NAME; its path.

    The file has the same name each time, and holds what there is then. Raises `StorageError`.
    """
    begun = _seconds(run.begun)
    place = out / run.name
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"events.out.tfevents.{begun:.0f}.skipline"
    events = [_event(begun, 0, _field(3, _BYTES, b"brain.Event:2"))]
    events += [_evaluation(line, begun) for line in read_evaluations(folder / METRICS).lines]
    write_whole(path, b"".join(map(_record, events)))
    return path


def crc32c(data: bytes) -> int:
    """CRC-32C of `data`."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _row(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(map(_row, range(256)))


def _evaluation(line: Mapping[str, Any], begun: float) -> bytes:
    values = b""
    for name, tag in TAGS.items():
        value = _real(line.get(name))
        if abs(value) <= _MOST:
            value_bytes = _field(1, _BYTES, tag.encode()) + _field(2, _FLOAT, struct.pack("<f", value))
            values += _field(1, _BYTES, value_bytes)
    seconds = _real(line.get("seconds"))
    return _event(begun + (seconds if math.isfinite(seconds) else 0.0), line["step"], _field(5, _BYTES, values))


def _real(value: object) -> float:
    """A number as a file of skipline holds it; NaN for all else, such as null."""
    try:
        return read_number(value)
    except ValueError:
        return math.nan


def _event(wall_time: float, step: int, content: bytes) -> bytes:
    return _field(1, _DOUBLE, struct.pack("<d", wall_time)) + _field(2, _VARINT, _varint(step)) + content


def _field(number: int, wire: int, content: bytes) -> bytes:
    length = _varint(len(content)) if wire == _BYTES else b""
    return _varint(number << 3 | wire) + length + content


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _checksum(length) + data + _checksum(data)


def _checksum(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF)


def _seconds(begun: str) -> float:
    """`begun` (UTC) as seconds since 1970; 0 for a run whose name does not tell, or tells of no such day."""
    try:
        return datetime.datetime.strptime(begun, "%Y-%m-%d %H:%M:%S").replace(tzinfo=datetime.UTC).timestamp()
    except ValueError:
        return 0.0
