"""Reading a file never waits, and says what is in the way."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from skipline.data.photos.decode import LOCAL, DecodeError, Limits, read_file


def unreadable(path: Path, limits: Limits = LOCAL) -> DecodeError:
    with pytest.raises(DecodeError) as raised:
        read_file(path, limits, name="photo")
    return raised.value


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no such file or directory"),
        (lambda path: path.mkdir(), "directory"),
        (make_pipe, "it is a pipe, a device or a folder, not a file"),
        (lambda path: path.symlink_to(path), "too many levels of symbolic links"),
    ],
)
def test_what_cannot_be_read_is_told_at_once(make: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    make(tmp_path / "x")
    error = unreadable(tmp_path / "x")
    assert error.unusable.reason in ("cannot_read",)
    assert said in str(error)


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so here it is the system that refuses."""
    (tmp_path / "x").write_bytes(b"words")

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)
    error = unreadable(tmp_path / "x")
    assert (error.unusable.reason, str(error)) == ("cannot_read", "photo: permission denied.")


def test_files_too_large_and_names_too_odd(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(2 * 2**20))
    error = unreadable(tmp_path / "x", Limits(megapixels=1, file_bytes=2**20))
    assert str(error) == "photo: it has 2 MiB; at most 1 are read."
    assert unreadable(tmp_path / "a\0b").unusable.reason == "cannot_read"
    assert unreadable(tmp_path / ("x" * 300)).unusable.reason == "cannot_read"
