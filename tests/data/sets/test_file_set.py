"""Files in a folder or a tar archive."""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skipline.data import DataError
from skipline.data.sets.file_set import archive_files, folder_files

WANTED = frozenset(("one", "two"))
Member = tuple[str, bytes | tarfile.TarInfo]


def _tar(*members: Member) -> bytes:
    """A tar archive of files with their content, or of whatever a TarInfo says."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members:
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def _special(name: str, kind: bytes, *, target: str = "", size: int = 0) -> Member:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return name, info


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write an archive of the members."""

    def write_archive(*members: Member, packed: bool = False) -> Path:
        path = tmp_path / ("x.tar.gz" if packed else "x.tar")
        path.write_bytes(gzip.compress(_tar(*members)) if packed else _tar(*members))
        return path

    return write_archive


@pytest.mark.parametrize("packed", [False, True])
def test_wanted_members_are_read_and_nothing_is_written(write: Callable[..., Path], packed: bool) -> None:
    archive = write(
        _special("folder", tarfile.DIRTYPE),
        ("folder/one", b"1" * 2000),
        ("folder/other", b"x"),
        ("two", b"2"),
        packed=packed,
    )
    before = sorted(archive.parent.rglob("*"))
    files = archive_files(archive, WANTED)
    assert files.contents == {"one": b"1" * 2000, "two": b"2"}
    assert files.read("one") == b"1" * 2000
    assert files.origin("one") == f"{archive}/one"
    assert sorted(archive.parent.rglob("*")) == before


def test_a_folder_of_a_wanted_name_is_passed_over(write: Callable[..., Path]) -> None:
    archive = write(_special("one", tarfile.DIRTYPE), ("one/two", b"2"))
    assert archive_files(archive, WANTED).contents == {"two": b"2"}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("../one", b"")], "member path '../one' leads out of the archive; expected plain paths."),
        ([("a/../../b", b"")], "member path 'a/../../b' leads out of the archive"),
        ([("/etc/one", b"")], "member path '/etc/one' leads out of the archive"),
        (
            [_special("one", tarfile.SYMTYPE, target="/etc/passwd")],
            "'one' is a link or special file; expected a plain file. None is followed.",
        ),
        ([("two", b""), _special("one", tarfile.LNKTYPE, target="two")], "'one' is a link or special file"),
        ([_special("one", tarfile.FIFOTYPE)], "'one' is a link or special file"),
        ([("a/one", b"1"), ("b/one", b"2")], "one is there twice; expected once."),
        ([(f"member{number}", b"") for number in range(257)], "expected at most 256 members, found more."),
        (
            [_special("one", tarfile.REGTYPE, size=2**40)],
            "'one': expected at most 268435456 bytes, found 1099511627776: a wrong file.",
        ),
    ],
)
def test_what_a_published_archive_never_holds_is_refused(
    write: Callable[..., Path], members: list[Member], message: str
) -> None:
    archive = write(*members)
    with pytest.raises(DataError, match=re.escape(f"{archive}: {message}")):
        archive_files(archive, WANTED)


def test_an_archive_that_unpacks_to_far_too_much_is_refused(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skipline.data.sets.file_set.MAX_ARCHIVE_BYTES", 2**21)
    archive = write(("other", bytes(2**23)), ("one", b"1"), packed=True)
    with pytest.raises(DataError, match=r"x\.tar\.gz: expected at most 2097152 unpacked bytes, found more"):
        archive_files(archive, WANTED)


@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_that_is_cut_short_is_refused(write: Callable[..., Path], packed: bool) -> None:
    archive = write(("folder/one", bytes(range(256)) * 40), packed=packed)
    archive.write_bytes(archive.read_bytes()[: 300 if packed else 5000])
    message = r"broken or cut short at .*; found \d+ unpacked bytes \(.*\)\. Expected a whole \.tar, \.tar\.gz or \.tgz"
    with pytest.raises(DataError, match=re.escape(f"{archive}: ") + message):
        archive_files(archive, WANTED)


@pytest.mark.parametrize("content", [b"", b"not a tar archive" * 100, b"\x1f\x8bnot gzip either" * 10])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tgz").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.tgz: broken or cut short at its first member; found \d+ unpacked bytes"):
        archive_files(tmp_path / "x.tgz", WANTED)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1100), st.binary(min_size=1, max_size=12), st.booleans())
def test_only_data_errors_come_out(tmp_path: Path, place: int, noise: bytes, packed: bool) -> None:
    content = _tar(("folder/one", b"1" * 300), ("two", b"2"))
    content = gzip.compress(content, mtime=0) if packed else content
    (tmp_path / "x.tar").write_bytes(content[:place] + noise + content[place + len(noise) :])
    with contextlib.suppress(DataError):
        assert archive_files(tmp_path / "x.tar", WANTED).contents.keys() <= WANTED


def test_a_folder_is_read_when_asked(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "below").mkdir()
    files = folder_files(tmp_path)
    assert sorted(files.contents) == ["one"]
    assert files.read("one") == b"1"


def test_a_missing_file_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}/one is missing; found: no file. Fetch the whole")):
        folder_files(tmp_path).read("one")
    for number in range(10):
        (tmp_path / f"file{number}").touch()
    with pytest.raises(DataError, match=r"one is missing; found: file0, .*, file7 and 2 more\. Fetch"):
        folder_files(tmp_path).read("one")


def test_a_file_of_the_wrong_kind_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skipline.data.sets.file_set.MAX_FILE_BYTES", 1000)
    (tmp_path / "one").write_bytes(bytes(1001))
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}/one: expected at most 1000 bytes, found 1001: a wrong")):
        folder_files(tmp_path).read("one")
