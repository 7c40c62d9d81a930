"""The listing of a folder: the images in it and below, and everything that was passed over, with the reason."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from skipline.data.error import DataError
from skipline.data.photos.image_format import HEAD_BYTES, RAW_SUFFIXES, SUFFIXES, format_of
from skipline.data.photos.natural import path_key
from skipline.data.photos.printable import printable

Why = Literal[
    "hidden", "system", "raw", "other", "link_outside", "link_broken", "link_loop", "link_again", "special", "unlisted"
]
# What operating systems and archivers leave behind; names in lower case. Those with a leading dot are "hidden".
_SYSTEM = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin"))
TABLE_SUFFIXES = (".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Passed:
    """A file or folder that is not looked into; `name` is relative, `what` says more in words or is empty."""

    name: str
    why: Why
    what: str = ""


@dataclass(frozen=True)
class Listing:
    """What lies in `root`, an absolute path. All names are relative to it, with "/", in natural order.

    `images` are the files that have an image's suffix or begin like one; `folders` all that were looked into, and
    `tables` the CSV and TSV files at the top.
    """

    root: Path
    images: tuple[str, ...]
    folders: tuple[str, ...]
    tables: tuple[str, ...]
    passed: tuple[Passed, ...]


def list_folder(folder: Path) -> Listing:
    """List `folder` and all below it. Links are followed to files and folders inside it, once each, never out of it.

    Raises DataError where `folder` is none or cannot be listed; what is wrong further down is in `passed`.
    """
    try:
        root = folder.resolve(strict=True)
        if not root.is_dir():
            raise DataError(f"{printable(str(folder))}: expected a folder of photos, found a file.")
        os.scandir(root).close()
    except DataError:
        raise
    except (OSError, RuntimeError, ValueError) as error:  # Path.resolve: RuntimeError for a loop, ValueError for NUL
        what = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        is_sought_here = isinstance(error, FileNotFoundError) and not folder.is_absolute()
        here = f" The current folder is {printable(os.getcwd())}." if is_sought_here else ""
        raise DataError(
            f"{printable(str(folder))} cannot be read: {what}.{here} Give a folder of photos: skipline check photos/"
        ) from error
    walk = _Walk(str(root))
    walk.run()
    return Listing(
        root=root,
        images=_ordered(walk.images),
        folders=_ordered(walk.folders),
        tables=_ordered(walk.tables),
        passed=tuple(sorted(walk.passed, key=lambda passed: path_key(passed.name))),
    )


def _ordered(names: list[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=path_key))


class _Walk:
    """One walk through a root, without recursion: trees can be deeper than Python's stack."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._linked: set[str] = set()  # real paths of folders that a link has led to
        self.images: list[str] = []
        self.folders: list[str] = []
        self.tables: list[str] = []
        self.passed: list[Passed] = []

    def run(self) -> None:
        waiting: list[tuple[str, str, tuple[str, ...]]] = [("", self._root, (self._root,))]
        while waiting:
            name, real, above = waiting.pop()
            try:
                with os.scandir(os.path.join(self._root, name)) as entries:
                    for entry in entries:
                        inside = f"{name}/{entry.name}" if name else entry.name
                        for target in self._look(entry, inside, real, above):
                            self.folders.append(inside)
                            waiting.append((inside, target, (*above, target)))
            except OSError as error:
                self.passed.append(Passed(name or ".", "unlisted", (error.strerror or str(error)).lower()))

    def _look(self, entry: os.DirEntry[str], name: str, real: str, above: tuple[str, ...]) -> Iterator[str]:
        """Sort one entry in; gives the real path of a folder that is to be walked."""
        lower = entry.name.lower()
        if lower.startswith("."):
            self.passed.append(Passed(name, "hidden"))
        elif lower in _SYSTEM:
            self.passed.append(Passed(name, "system"))
        elif entry.is_symlink():
            yield from self._follow(entry, name, above)
        elif entry.is_dir(follow_symlinks=False):
            yield os.path.join(real, entry.name)
        elif entry.is_file(follow_symlinks=False):
            self._file(name, entry.path)
        else:
            self.passed.append(Passed(name, "special", "a pipe, socket or device"))

    def _follow(self, entry: os.DirEntry[str], name: str, above: tuple[str, ...]) -> Iterator[str]:
        try:
            target = os.path.realpath(entry.path, strict=True)
            mode = os.stat(target).st_mode
        except (OSError, ValueError) as error:
            what = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
            self.passed.append(Passed(name, "link_broken", what))
            return
        if os.path.commonpath((target, self._root)) != self._root:
            self.passed.append(Passed(name, "link_outside"))
        elif stat.S_ISREG(mode):
            self._file(name, target)
        elif not stat.S_ISDIR(mode):
            self.passed.append(Passed(name, "special", "a link to a pipe, socket or device"))
        elif target in above:
            self.passed.append(Passed(name, "link_loop"))
        elif target in self._linked:
            self.passed.append(Passed(name, "link_again"))
        else:
            self._linked.add(target)
            yield target

    def _file(self, name: str, path: str) -> None:
        suffix = os.path.splitext(name)[1].lower()
        if suffix in SUFFIXES:
            self.images.append(name)
        elif suffix in RAW_SUFFIXES:
            self.passed.append(Passed(name, "raw"))
        elif suffix in TABLE_SUFFIXES and "/" not in name:
            self.tables.append(name)
        elif format_of(_head(path)):
            self.images.append(name)
        else:
            self.passed.append(Passed(name, "other"))


def _head(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""
