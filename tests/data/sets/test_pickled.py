"""Pickles read as data."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skipline.data import DataError
from skipline.data.sets.pickled import read_pickled_dict

PIXELS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def _python2_batch(module: bytes = b"numpy.core.multiarray", name: bytes = b"_reconstruct") -> bytes:
    """{"labels": [3, 7], "data": PIXELS} as Python 2 pickled it, opcode by opcode."""
    array = b"c" + module + b"\n" + name + b"\nq\x05" + b"cnumpy\nndarray\nq\x06" + b"K\x00\x85" + b"U\x01b" + b"\x87R"
    dtype = (
        b"cnumpy\ndtype\nq\x07"
        + b"U\x02u1"
        + b"K\x00K\x01\x87R"
        + b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    state = b"(K\x01" + b"K\x03K\x04\x86" + dtype + b"\x89" + b"T" + struct.pack("<i", 12) + bytes(range(12)) + b"tb"
    return b"\x80\x02}q\x01(U\x06labelsq\x02]q\x03(K\x03K\x07eU\x04dataq\x04" + array + state + b"u."


def test_a_batch_that_python_2_wrote() -> None:
    batch = read_pickled_dict(_python2_batch(), "x")
    assert sorted(batch) == ["data", "labels"]
    assert batch["labels"] == [3, 7]
    assert np.array_equal(np.asarray(batch["data"]), PIXELS)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("array", [PIXELS, np.asfortranarray(PIXELS), PIXELS[:, ::2], PIXELS.reshape(1, 3, 2, 2)])
def test_a_batch_that_this_numpy_wrote(protocol: int, array: np.ndarray) -> None:
    content = pickle.dumps({"data": array, b"labels": [1, 300, -1], "names": ["a", b"b"], "n": None}, protocol=protocol)
    batch = read_pickled_dict(content, "x")
    assert np.array_equal(np.asarray(batch["data"]), array)
    assert np.asarray(batch["data"]).dtype == np.uint8
    assert (batch["labels"], batch["names"], batch["n"]) == ([1, 300, -1], ["a", b"b"], None)


def test_both_spellings_of_numpy_are_known() -> None:
    for module in (b"numpy.core.multiarray", b"numpy._core.multiarray"):
        assert np.array_equal(np.asarray(read_pickled_dict(_python2_batch(module), "x")["data"]), PIXELS)


class _Runs:
    """What a hostile file holds: unpickled in the ordinary way, it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_program_in_a_pickle_is_refused_by_name_and_not_run(tmp_path: Path, protocol: int) -> None:
    content = pickle.dumps({"data": _Runs(tmp_path / "made")}, protocol=protocol)
    message = (
        rf"train: the pickle asks for '{os.mkdir.__module__}\.mkdir', which is refused: only numpy arrays are read"
    )
    with pytest.raises(DataError, match=message):
        read_pickled_dict(content, "train")
    assert not (tmp_path / "made").exists()
    pickle.loads(content)
    assert (tmp_path / "made").exists(), "the file would have run"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("__builtin__", "getattr"),
        ("os", "system"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy", "load"),
        ("numpy.testing._private.utils", "runstring"),
        ("_codecs", "decode"),
        ("skipline.data.sets.pickled", "_DataUnpickler"),
    ],
)
def test_every_other_name_is_refused(module: str, name: str) -> None:
    with pytest.raises(DataError, match=rf"x: the pickle asks for '{re.escape(module)}\.{name}', which is refused"):
        read_pickled_dict(_python2_batch(module.encode(), name.encode()), "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x: expected a whole pickle, found 0 bytes that are not one ("),
        (_python2_batch()[:60], "x: expected a whole pickle, found 60 bytes that are not one ("),
        (b"\x89PNG\r\n\x1a\n", "x: expected a pickle of plain data, found the opcode PERSID at byte 1, which"),
        (b"label,pixel\n", "x: expected a pickle of plain data, found the opcode LIST at byte 0, which"),
        (pickle.dumps([1], 2), "x: expected a pickled dict, found a list."),
        (pickle.dumps({1: 2}, 2), "x: expected string keys in the dict, found int."),
        (pickle.dumps({"a": {1}}, 4), "x: expected a pickle of plain data, found the opcode EMPTY_SET at byte "),
        (pickle.dumps({"a": 1.5}, 2), "x: expected a pickle of plain data, found the opcode BINFLOAT at byte "),
        (pickle.dumps({"a": 1}, 0), "found the opcode DICT at byte 1, which plain data does not need: a broken file"),
        (b"\x80\x02}r\xff\xff\xff\x7f.", "x: expected a memo number of at most 2 at byte 3, found 2147483647:"),
        (b"\x80\x02}" + b")" * 17 + b".", "x: expected at most 16 tuples in the pickle, found more."),
        (
            pickle.dumps({"data": PIXELS.astype(np.int64)}, 2),
            "x: 'data': expected an array of dtype u1 (uint8), found 'i8'.",
        ),
        (
            _python2_batch().replace(b"K\x03K\x04\x86", b"K\x03K\x05\x86"),
            "x: 'data': expected 15 bytes for an array of shape (3, 5), found 12 bytes.",
        ),
        (
            _python2_batch().replace(b"K\x03K\x04\x86", b"K\x03U\x01x\x86"),
            "x: 'data': expected a shape of whole numbers, found a tuple of other things.",
        ),
        (
            pickle.dumps({"data": PIXELS.reshape(1, 1, 3, 2, 2)}, 2),
            "x: 'data': expected at most 4 dimensions, found 5.",
        ),
        (
            b"\x80\x02}U\x04datacnumpy\nndarray\n)Rs.",
            "x: 'data': expected an array with shape, dtype, order and bytes, found 0 parts.",
        ),
    ],
)
def test_what_is_no_data_is_said(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        read_pickled_dict(content, "x")


@pytest.mark.parametrize("name", [b"numpy\nndarray", b"numpy.core.multiarray\n_reconstruct", b"_codecs\nencode"])
def test_a_pickle_cannot_change_what_its_names_stand_for(name: bytes) -> None:
    """BUILD sets attributes on whatever is on the stack, unless that has a say in it."""
    content = b"\x80\x02}U\x04datac" + name + b"\nN}X\x08\x00\x00\x00polluted\x88s\x86bs."
    with pytest.raises(DataError, match="x: expected a whole pickle, found"):
        read_pickled_dict(content, "x")
    assert np.array_equal(np.asarray(read_pickled_dict(_python2_batch(), "x")["data"]), PIXELS)


@settings(max_examples=300)
@given(st.data())
def test_only_data_errors_come_out(data: st.DataObject) -> None:
    contents = [
        _python2_batch(),
        *(pickle.dumps({"data": PIXELS, "labels": [1, 2]}, protocol) for protocol in (2, 4, 5)),
    ]
    content = bytearray(data.draw(st.sampled_from(contents)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.integers(0, 3))
        content[place : place + length] = data.draw(st.binary(max_size=4))
    with contextlib.suppress(DataError):
        assert isinstance(read_pickled_dict(bytes(content), "x"), dict)


@given(st.binary(max_size=60))
def test_only_data_errors_come_out_of_noise(noise: bytes) -> None:
    for content in (noise, b"\x80\x02" + noise + b".", b"\x80\x02}" + noise + b"."):
        with contextlib.suppress(DataError):
            assert isinstance(read_pickled_dict(content, "x"), dict)
