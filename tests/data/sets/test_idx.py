"""The idx format."""

from __future__ import annotations

import contextlib
import gzip
import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skipline.data import DataError
from skipline.data.sets.idx import parse_idx

# Two images of 2 x 3, by hand.
TWO_IMAGES = bytes.fromhex("00000803 00000002 00000002 00000003 000102030405 060708090aff")


@pytest.mark.parametrize("packed", [False, True])
def test_an_array_by_hand(packed: bool) -> None:
    content = gzip.compress(TWO_IMAGES) if packed else TWO_IMAGES
    array = parse_idx(content, "x", num_dimensions=3)
    assert array.dtype == np.uint8
    assert array.tolist() == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 255]]]


def test_labels_have_one_dimension(idx_bytes: Callable[[np.ndarray], bytes]) -> None:
    assert parse_idx(idx_bytes(np.array([3, 1, 4])), "x", num_dimensions=1).tolist() == [3, 1, 4]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "train: expected a header of 16 bytes, found 0 bytes in all. The file is cut short: download it again."),
        (TWO_IMAGES[:11], "train: expected a header of 16 bytes, found 11 bytes in all."),
        (
            b"\x00\x00\x08\x01" + TWO_IMAGES[4:],
            "train: expected the magic number 00000803 (idx, unsigned bytes, 3 dimensions), found 00000801.",
        ),
        (
            b"\x00\x00\x0d\x03" + TWO_IMAGES[4:],
            "expected the magic number 00000803 (idx, unsigned bytes, 3 dimensions), found 00000d03.",
        ),
        (TWO_IMAGES[:-1], "train: expected 28 bytes for the shape (2, 2, 3) in its header, found 27. The file is cut"),
        (TWO_IMAGES + b"\x00", "train: expected 28 bytes for the shape (2, 2, 3) in its header, found 29."),
        (
            TWO_IMAGES[:4] + bytes(4) + TWO_IMAGES[8:],
            "train: expected dimensions of at least 1, found (0, 2, 3).",
        ),
        (TWO_IMAGES[:4] + b"\xff" * 12 + b"1", "for the shape (4294967295, 4294967295, 4294967295) in its header, "),
    ],
)
def test_a_file_that_is_not_whole_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        parse_idx(content, "train", num_dimensions=3)


def test_a_gz_that_is_cut_short_is_refused_with_both_sizes(idx_bytes: Callable[[np.ndarray], bytes]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 8, 8))
    packed = gzip.compress(idx_bytes(pixels))
    with pytest.raises(
        DataError, match=r"train: expected 3216 bytes .*, found [12]\d{3} before its gzip data was cut off\. The"
    ):
        parse_idx(packed[: len(packed) // 2], "train", num_dimensions=3)


@pytest.mark.parametrize("missing", [1, 8])
def test_a_gz_without_its_whole_checksum_is_refused(missing: int) -> None:
    with pytest.raises(DataError, match=r"train: expected 28 bytes .*, found 28 before its gzip data was cut off"):
        parse_idx(gzip.compress(TWO_IMAGES)[:-missing], "train", num_dimensions=3)


def test_a_gz_with_a_wrong_checksum_is_refused() -> None:
    packed = bytearray(gzip.compress(TWO_IMAGES))
    packed[-8] ^= 1
    message = rf"train: expected whole gzip data, found {len(packed)} packed bytes that are broken \(.*data check\)"
    with pytest.raises(DataError, match=message):
        parse_idx(bytes(packed), "train", num_dimensions=3)


def test_bytes_after_the_gz_are_refused() -> None:
    with pytest.raises(DataError, match="train: expected nothing after the gzip data, found 3 bytes"):
        parse_idx(gzip.compress(TWO_IMAGES) + b"end", "train", num_dimensions=3)


def test_a_gz_that_unpacks_to_far_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skipline.data.sets.idx.MAX_FILE_BYTES", 1000)
    with pytest.raises(DataError, match="train: expected at most 1000 unpacked bytes, found more: a wrong file"):
        parse_idx(gzip.compress(TWO_IMAGES + bytes(2**22)), "train", num_dimensions=3)


@given(st.binary(max_size=40), st.integers(0, 60), st.booleans())
def test_only_data_errors_come_out(noise: bytes, place: int, packed: bool) -> None:
    content = gzip.compress(TWO_IMAGES, mtime=0) if packed else TWO_IMAGES
    broken = content[:place] + noise + content[place + len(noise) :]
    with contextlib.suppress(DataError):
        assert parse_idx(broken, "x", num_dimensions=3).ndim == 3
    with contextlib.suppress(DataError):
        assert parse_idx(b"\x1f\x8b" + noise, "x", num_dimensions=1).ndim == 1
