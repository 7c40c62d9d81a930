"""Files that are whole or absent, also where the disk is full."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skipline.files import (
    StorageError,
    append_line,
    dump_json,
    dump_json_line,
    read_number,
    remove_partials,
    replacing,
    storage_error,
    storing,
    whole_lines,
    write_whole,
)

ROOT = Path(__file__).parents[1]
FULL = 64 * 1024  # bytes of the small file system


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of 64 KiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small disk needs Linux and root, to mount one in memory")
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={FULL}", "skipline-test", str(place)]
    if subprocess.run(["mount", *options], check=False, capture_output=True).returncode != 0:
        pytest.skip("this process may not mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("data", ["text: α\n", b"\0\xff" * 100_000, ""])
def test_a_file_is_written_and_replaced(data: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, "something else that is longer")
    write_whole(path, data)
    assert path.read_bytes() == (data.encode() if isinstance(data, str) else data)
    assert list(tmp_path.iterdir()) == [path]


def test_until_the_new_file_is_on_the_disk_the_old_one_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the folder looks like at each call to the system: the order is written, synced, renamed, synced."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    seen: list[tuple[str, bytes, list[bytes]]] = []

    def note(name: str, call: Callable[..., None]) -> Callable[..., None]:
        def noted(*arguments: object) -> None:
            partials = [other.read_bytes() for other in tmp_path.glob(".file.*.partial")]
            seen.append((name, path.read_bytes(), partials))
            call(*arguments)

        return noted

    monkeypatch.setattr(os, "fsync", note("sync", os.fsync))
    monkeypatch.setattr(os, "replace", note("rename", os.replace))
    write_whole(path, b"new")
    assert seen == [("sync", b"old", [b"new"]), ("rename", b"old", [b"new"]), ("sync", b"new", [])]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(StorageError, match="the disk is full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_and_keeps_the_old_file(small_disk: Path) -> None:
    path = small_disk / "checkpoint"
    write_whole(path, b"old" * 10_000)
    with pytest.raises(StorageError) as raised:
        write_whole(path, bytes(2 * FULL))
    assert str(raised.value) == (f"cannot write {path}: the disk is full. Free some space, or choose another folder.")
    assert path.read_bytes() == b"old" * 10_000
    assert list(small_disk.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ([], False)),
        (b"a\nb\n", (["a", "b"], False)),
        (b"a\n\xce", (["a"], True)),
        (b"\xce\n", (["\N{REPLACEMENT CHARACTER}"], False)),
        ("\u2028\x0c\n ".encode(), (["\u2028\x0c"], False)),
    ],
)
def test_only_whole_lines_are_read(content: bytes, expected: tuple[list[str], bool], tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(content)
    assert whole_lines(tmp_path / "lines") == expected


def test_lines_are_read_in_one_place() -> None:
    readers = {
        file.name
        for file in (ROOT / "src").rglob("*.py")
        if re.search(r"\*whole, \w+ = ", file.read_text(encoding="utf-8"))
    }
    assert readers == {"files.py"}


def test_a_file_in_pieces_is_there_once_it_is_whole(tmp_path: Path) -> None:
    """Two at once have names of their own; the one that ends last is the file."""
    path = tmp_path / "file"
    with replacing(path) as first, replacing(path) as second:
        first.write(b"first")
        second.write(b"second")
        assert not path.exists()
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_what_the_writer_of_pieces_raises_comes_out_as_it_is(tmp_path: Path) -> None:
    def write() -> None:
        with replacing(tmp_path / "file") as file:
            file.write(b"half")
            raise OSError("a camera that is gone")

    with pytest.raises(OSError, match="a camera that is gone") as raised:
        write()
    assert type(raised.value) is OSError
    assert list(tmp_path.iterdir()) == []


def test_pieces_that_do_not_fit_are_said(small_disk: Path) -> None:
    path = small_disk / "predictions.csv"

    def write() -> None:
        with storing(path), replacing(path) as file:
            for _ in range(2 * FULL):
                file.write(b"x")

    with pytest.raises(StorageError, match=r"predictions\.csv: the disk is full"):
        write()
    assert list(small_disk.iterdir()) == []


def test_a_line_that_does_not_fit_is_taken_back(small_disk: Path) -> None:
    """The file system takes a part of the line before it is full."""
    path = small_disk / "metrics.jsonl"
    append_line(path, "first")
    with pytest.raises(StorageError, match=r"metrics\.jsonl: the disk is full"):
        append_line(path, "x" * 2 * FULL)
    assert path.read_bytes() == b"first\n"
    append_line(path, "second")
    assert path.read_bytes() == b"first\nsecond\n"


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    path = tmp_path / "runs" / "file"
    reason = "a part of this path is a file, not a folder. Choose another folder."
    for write in (lambda: write_whole(path, b""), lambda: append_line(path, "")):
        with pytest.raises(StorageError, match=re.escape(f"cannot write {path}: {reason}")):
            write()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "file"
    with pytest.raises(StorageError, match=re.escape(f"cannot write {path}: the folder is not there. Make it, or")):
        write_whole(path, b"")


def test_a_folder_that_is_not_writable_is_said(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(
            StorageError, match=r"the folder is not writable. Change its permissions, or choose another"
        ):
            write_whole(tmp_path / "file", b"")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full. Free some space, or choose another folder."),
        (errno.EDQUOT, "the disk quota is used up. Free some space, or choose another folder."),
        (errno.EACCES, "the folder is not writable. Change its permissions, or choose another folder."),
        (errno.EROFS, "the file system is read-only. Choose another folder."),
        (errno.EFBIG, "the file would be larger than this system allows. Raise the limit, or choose another folder."),
        (errno.EEXIST, "there is a file of that name. Move it away, or choose another folder."),
        (errno.EISDIR, "there is a folder of that name. Move it away, or choose another one."),
        (errno.EIO, "Input/output error."),
    ],
)
def test_what_the_system_says_is_put_in_words(number: int, words: str) -> None:
    error = storage_error(Path("runs/a"), OSError(number, os.strerror(number)))
    assert str(error) == f"cannot write runs/a: {words}"


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    append_line(path, "a")
    append_line(path, "β")
    assert path.read_text(encoding="utf-8") == "a\nβ\n"


def test_partial_files_of_the_dead_are_removed(tmp_path: Path) -> None:
    """And nothing else: neither a visible file that is called so, nor what lies beside the folder."""
    folder = tmp_path / "run"
    (folder / "checkpoints" / "last").mkdir(parents=True)
    stale = [folder / ".config.toml.0123abcd.partial", folder / "checkpoints" / "last" / ".a.00000000.partial"]
    kept = [folder / "mine.partial", folder / "checkpoints" / "last" / "a", tmp_path / ".x.0123abcd.partial"]
    for path in (*stale, *kept):
        path.write_text("")
    remove_partials(folder)
    assert [path.exists() for path in stale] == [False, False]
    assert [path.exists() for path in kept] == [True, True, True]


def test_numbers_that_json_cannot_hold_travel_as_text() -> None:
    document = {"a": [math.nan, math.inf], "b": {"c": (-math.inf, 1.5)}, "d": 3, "e": "NaN?", "f": None}
    expected = {"a": ["NaN", "Infinity"], "b": {"c": ["-Infinity", 1.5]}, "d": 3, "e": "NaN?", "f": None}
    assert json.loads(dump_json(document)) == expected
    assert json.loads(dump_json_line(document)) == expected
    assert "\n" not in dump_json_line(document)


@given(st.floats(allow_nan=False) | st.integers(-(2**53), 2**53))
def test_numbers_come_back_to_the_bit(number: float) -> None:
    assert read_number(json.loads(dump_json(number))) == number


def test_not_a_number_comes_back() -> None:
    assert math.isnan(read_number(json.loads(dump_json(math.nan))))


def test_a_number_that_no_float_holds_is_said() -> None:
    with pytest.raises(ValueError, match="a whole number of 1329 bits is more than any float can hold"):
        read_number(10**400)


@pytest.mark.parametrize("value", ["1.5", True, None, [1.0], "nan"])
def test_what_is_no_number_is_said(value: object) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{value!r} is no number; expected one, or one of 'NaN', 'Inf")):
        read_number(value)
