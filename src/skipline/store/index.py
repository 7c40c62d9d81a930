"""The index of a folder of runs: an SQLite file that saves reading what has not changed, and may always be deleted."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from skipline.store.entry import OF_A_RUN, WATCHED, RunEntry, live_state, read_entry
from skipline.store.run_files import SETTINGS

INDEX_NAME = ".index.sqlite"
_VERSION = 5  # of what an entry is; an index of another version is made anew
_WAIT_SECONDS = 2.0  # guessed: another process writes it for some milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The runs in a folder, the newest first, and how they were found: `num_read` of them were read anew.

    `studies` are the folders beside them that hold runs of their own.
    """

    runs: tuple[RunEntry, ...]
    studies: tuple[str, ...]
    num_read: int


def list_runs(root: Path, *, rebuild: bool = False) -> Listing:
    """The runs in `root`, as their folders say it now.

    A folder is read where the index does not have it as it is: by times and sizes of the files that decide an entry.
    Entries of folders that are gone are dropped. Where the index is broken, or cannot be written, everything is read:
    the answer is the same. `rebuild`: as if there were none. Raises OSError where `root` cannot be listed.
    """
    folders, studies = _folders(root)
    known = {} if rebuild else _load(root / INDEX_NAME)
    entries: dict[str, tuple[str, RunEntry]] = {}
    fresh: set[str] = set()
    for path in folders:
        stamp = _stamp(path)
        before = known.get(path.name)
        if before is not None and before[0] == stamp:
            entries[path.name] = before
        else:
            entries[path.name] = (stamp, read_entry(path))
            fresh.add(path.name)
    if fresh or set(known) != set(entries) or rebuild:
        changed = {name: entries[name] for name in fresh}
        # Nothing known: there is no index, or a row that cannot be read, of a run that may be gone, is in the way.
        _save(root / INDEX_NAME, changed, gone=set(known) - set(entries), anew=rebuild or not known)
    # Whether a process holds a lock is in no file's time.
    runs = [
        replace(entry, state=live_state(root / entry.name)) if entry.state in ("running", "stopped") else entry
        for _, entry in entries.values()
    ]
    newest_first = sorted(runs, key=lambda run: (run.begun, run.name), reverse=True)
    return Listing(runs=tuple(newest_first), studies=studies, num_read=len(fresh))


def _folders(root: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The folders in `root` that are runs, if only by one file that a run has; and the names of studies."""
    folders, studies = [], []
    with os.scandir(root) as found:
        for item in found:
            if item.name.startswith(".") or not item.is_dir():
                continue
            path = root / item.name
            if (path / "runs").is_dir() and not (path / SETTINGS).exists():
                studies.append(item.name)
            elif any((path / name).exists() for name in OF_A_RUN):
                folders.append(path)
    return folders, tuple(sorted(studies))


def _stamp(path: Path) -> str:
    """Times (ns) and sizes of the files that decide an entry, as text."""
    parts = []
    for name in WATCHED:
        try:
            status = os.stat(path / name)
        except OSError:
            parts.append("-")
        else:
            parts.append(f"{status.st_mtime_ns}.{status.st_size}")
    return " ".join(parts)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, timeout=_WAIT_SECONDS)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def _load(path: Path) -> Mapping[str, tuple[str, RunEntry]]:
    """The entries of the index by name, with their stamps; none where there is no index of this version that reads."""
    if not path.is_file():
        return {}
    try:
        with _opened(path) as connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                return {}
            rows = connection.execute("SELECT name, stamp, entry FROM runs").fetchall()
        return {os.fsdecode(name): (stamp, RunEntry(**json.loads(entry))) for name, stamp, entry in rows}
    except (sqlite3.Error, ValueError, TypeError, RecursionError):  # not a database, torn, or of other fields
        return {}


def _save(path: Path, fresh: Mapping[str, tuple[str, RunEntry]], *, gone: set[str], anew: bool) -> None:
    """Write the `fresh` entries and drop those that are `gone`; what cannot be written is left."""
    rows = [(os.fsencode(name), stamp, json.dumps(asdict(entry))) for name, (stamp, entry) in fresh.items()]
    try:
        _write(path, rows, gone, anew)
    except sqlite3.DatabaseError:  # it is broken: made anew, by renaming over it what is whole
        with contextlib.suppress(OSError, sqlite3.Error):
            path.unlink(missing_ok=True)
            _write(path, rows, set(), True)


def _write(path: Path, rows: list[tuple[bytes, str, str]], gone: set[str], anew: bool) -> None:
    with contextlib.suppress(sqlite3.OperationalError), _opened(path) as connection:  # read-only, or locked for long
        if anew or connection.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            connection.execute("DROP TABLE IF EXISTS runs")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("CREATE TABLE IF NOT EXISTS runs (name BLOB PRIMARY KEY, stamp TEXT, entry TEXT)")
        connection.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", rows)
        connection.executemany("DELETE FROM runs WHERE name = ?", [(os.fsencode(name),) for name in gone])
