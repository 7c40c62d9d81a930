"""The set of files that a data set was published as: in a folder, or in a tar archive that is read where it lies."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from skipline.data.error import DataError

# Limits against archives made to fill the memory. The largest published file, CIFAR-100's train, is about 155 MB; the
# largest archive unpacks to under 190 MB and holds about ten members. The room above that is guessed.
MAX_FILE_BYTES = 256 * 2**20
MAX_ARCHIVE_BYTES = 512 * 2**20
MAX_MEMBERS = 256
_BLOCK_BYTES = 2**20  # guessed; the default of 10 kB means 17,000 calls for CIFAR-10


@dataclass(frozen=True)
class FileSet:
    """Files by base name: a path where they lie in a folder, their bytes where they come from an archive."""

    place: Path
    contents: Mapping[str, Path | bytes]

    def origin(self, name: str) -> str:
        """How messages call the file."""
        return f"{self.place / name}"

    def read(self, name: str) -> bytes:
        """All bytes of the file. Raises DataError where it is missing or beyond MAX_FILE_BYTES."""
        if name not in self.contents:
            raise DataError(
                f"{self.origin(name)} is missing; found: {_listing(self.contents)}. "
                "Fetch the whole data set again: nothing was loaded."
            )
        content = self.contents[name]
        if isinstance(content, bytes):
            return content
        size = content.stat().st_size
        if size > MAX_FILE_BYTES:
            raise DataError(f"{content}: expected at most {MAX_FILE_BYTES} bytes, found {size}: a wrong file.")
        return content.read_bytes()


def folder_files(folder: Path) -> FileSet:
    """The plain files of `folder`, none of them read yet."""
    return FileSet(folder, {entry.name: entry for entry in folder.iterdir() if entry.is_file()})


def archive_files(archive: Path, wanted: frozenset[str]) -> FileSet:
    """The members of a .tar, .tar.gz or .tgz whose base names are `wanted`, read into memory in one pass.

    Nothing is written to disk and no name in the archive is used as a path. Raises DataError where the archive is
    broken or cut short, a path is absolute or climbs, a wanted member is a link or there twice, or a limit is passed.
    """
    with archive.open("rb") as packed:
        is_gzip = packed.read(2) == b"\x1f\x8b"
        packed.seek(0)
        unpacked = _Unpacked(gzip.GzipFile(fileobj=packed) if is_gzip else packed, archive)
        return FileSet(archive, _read_members(unpacked, archive, wanted))


class _Unpacked(io.RawIOBase):
    """The unpacked bytes of an archive: counted, and refused beyond MAX_ARCHIVE_BYTES."""

    def __init__(self, stream: io.BufferedReader | gzip.GzipFile, archive: Path) -> None:
        super().__init__()
        self._stream = stream
        self._archive = archive
        self.num_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        num_read = self._stream.readinto(buffer)
        self.num_bytes += num_read
        if self.num_bytes > MAX_ARCHIVE_BYTES:
            raise DataError(
                f"{self._archive}: expected at most {MAX_ARCHIVE_BYTES} unpacked bytes, found more: "
                "not an archive of a data set that is read here."
            )
        return num_read


def _read_members(unpacked: _Unpacked, archive: Path, wanted: frozenset[str]) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    reached = "its first member"
    try:
        # "r|" reads forward only, so that a packed archive is unpacked once.
        with tarfile.open(fileobj=io.BufferedReader(unpacked, _BLOCK_BYTES), mode="r|", bufsize=_BLOCK_BYTES) as tar:
            for number, member in enumerate(tar, start=1):
                reached = f"{member.name!r} (expected {member.size} bytes)"
                if number > MAX_MEMBERS:
                    raise DataError(f"{archive}: expected at most {MAX_MEMBERS} members, found more.")
                name = _wanted_name(member, archive, wanted)
                if name in contents:
                    raise DataError(f"{archive}: {name} is there twice; expected once.")
                if name:
                    file = tar.extractfile(member)
                    contents[name] = file.read() if file else b""
    except DataError:
        raise
    except Exception as error:  # besides its own errors tarfile lets through ValueError, EOFError, zlib.error and more
        raise DataError(
            f"{archive}: broken or cut short at {reached}; found {unpacked.num_bytes} unpacked bytes ({error}). "
            "Expected a whole .tar, .tar.gz or .tgz: download it again. Nothing was loaded."
        ) from error
    return contents


def _wanted_name(member: tarfile.TarInfo, archive: Path, wanted: frozenset[str]) -> str:
    """The base name of a member that is to be read, or "" for one that is to be passed over."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"{archive}: member path {member.name!r} leads out of the archive; expected plain paths.")
    if member.isdir() or path.name not in wanted:
        return ""
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise DataError(
            f"{archive}: {member.name!r} is a link or special file; expected a plain file. None is followed."
        )
    if member.size > MAX_FILE_BYTES:
        raise DataError(
            f"{archive}: {member.name!r}: expected at most {MAX_FILE_BYTES} bytes, found {member.size}: a wrong file."
        )
    return path.name


def _listing(names: Mapping[str, object]) -> str:
    """At most eight of the names, in order."""
    shown = ", ".join(sorted(names)[:8]) or "no file"
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
