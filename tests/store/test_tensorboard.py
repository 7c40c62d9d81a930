"""Event files, read back by a reader of their format."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from skipline.store import list_runs
from skipline.store.tensorboard import crc32c, write_events


def records(content: bytes) -> list[bytes]:
    """The records of a file: length, checksum, bytes, checksum."""
    found = []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        found.append(content[12 : 12 + length])
        content = content[16 + length :]
    return found


def test_the_checksum_is_the_published_one() -> None:
    """RFC 3720, appendix B.4: 32 bytes of zeros, of ones, and 0 to 31."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b"123456789") == 0xE3069283


NAMES = ("learning_rate", "train_loss", "train_error", "test_loss", "test_error", "images_per_second", "seconds")
NOTHING = dict.fromkeys(NAMES, "NaN")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "19700101T000140Z-digits-net-0a1b"  # 100 s after 1970 began
    folder.mkdir()
    (folder / "resolved.json").write_text('{"source": "digits"}')
    lines = [
        {**NOTHING, "step": 300, "epoch": 1, "test_error": 0.5, "seconds": 1.5},
        {**NOTHING, "step": 600, "epoch": 2, "test_error": 0.25, "seconds": 3.0},
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"torn')
    return folder


def test_a_file_by_hand(run: Path, tmp_path: Path) -> None:
    (entry,) = list_runs(tmp_path).runs
    path = write_events(entry, run, tmp_path / "board")
    assert path == tmp_path / "board" / run.name / "events.out.tfevents.100.skipline"
    head, first, second = records(path.read_bytes())
    assert head == b"\x09" + struct.pack("<d", 100.0) + b"\x10\x00" + b"\x1a\x0dbrain.Event:2"
    # Field 1 is a double, 2 a varint (300 is 0xAC 0x02), 5 the summary: a value with its tag and a float.
    value = b"\x0a\x0aerror/test" + b"\x15" + struct.pack("<f", 0.5)
    summary = b"\x0a" + bytes([len(value)]) + value
    assert first == b"\x09" + struct.pack("<d", 101.5) + b"\x10\xac\x02" + b"\x2a" + bytes([len(summary)]) + summary
    assert struct.pack("<f", 0.25) in second


def test_each_record_has_its_masked_checksums(run: Path, tmp_path: Path) -> None:
    (entry,) = list_runs(tmp_path).runs
    content = write_events(entry, run, tmp_path / "board").read_bytes()
    length, data = content[:8], records(content)[0]
    for covered, written in ((length, content[8:12]), (data, content[12 + len(data) : 16 + len(data)])):
        crc = crc32c(covered)
        rotated = int(f"{crc:032b}"[17:] + f"{crc:032b}"[:17], 2)  # the last 15 bits come first
        assert struct.unpack("<I", written)[0] == (rotated + 0xA282EAD8) % 2**32


def test_again_it_is_the_same_file(run: Path, tmp_path: Path) -> None:
    (entry,) = list_runs(tmp_path).runs
    before = write_events(entry, run, tmp_path / "board").read_bytes()
    assert write_events(entry, run, tmp_path / "board").read_bytes() == before
    assert len(list((tmp_path / "board" / run.name).iterdir())) == 1


def test_what_is_no_number_is_left_out(run: Path, tmp_path: Path) -> None:
    line = {**NOTHING, "step": 900, "epoch": 3, "test_loss": 1e300, "train_loss": "Infinity"}
    (run / "metrics.jsonl").write_text(json.dumps(line | {"train_error": 0.5}) + "\n")
    (entry,) = list_runs(tmp_path).runs
    _, only = records(write_events(entry, run, tmp_path / "board").read_bytes())
    assert struct.unpack("<d", only[1:9]) == (100.0,)
    assert [tag in only for tag in (b"error/training", b"error/test", b"loss/test", b"loss/training")] == [
        True,
        False,
        False,
        False,
    ]


def test_a_name_that_tells_no_day_begins_in_1970(run: Path, tmp_path: Path) -> None:
    odd = run.rename(tmp_path / "20269999T000000Z-digits-net-0a1b")
    (entry,) = list_runs(tmp_path).runs
    assert write_events(entry, odd, tmp_path / "board").name == "events.out.tfevents.0.skipline"
