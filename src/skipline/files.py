"""Files that are whole or absent: written under a temporary name, synced to the disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from pathlib import Path
from typing import Any

NON_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class StorageError(OSError):
    """A file or folder that cannot be written or read; the message names it, the reason and what to do."""


def write_whole(path: Path, data: bytes | str) -> None:
    """Write `data` to `path` so that at any moment, power cuts included, the file is the old one or the new one.

    Raises `StorageError` where the disk is full or the folder is not writable; the old file is then untouched.
    """
    payload = data.encode("utf-8") if isinstance(data, str) else data
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        try:
            with open(partial, "xb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
            sync_folder(path.parent)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise storage_error(path, error) from error


def append_line(path: Path, line: str) -> None:
    """Append one line to `path` in a single write and sync it; a torn last line is the reader's to drop."""
    try:
        with open(path, "ab") as file:
            file.write(line.encode("utf-8") + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise storage_error(path, error) from error


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable, where the system can sync a folder at all."""
    with contextlib.suppress(OSError):  # not possible on Windows and some network file systems
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def storage_error(path: Path, error: OSError) -> StorageError:
    """`error`, met while writing `path`, in words."""
    remedies = {
        errno.ENOSPC: "the disk is full. Free some space, or choose another folder",
        errno.EDQUOT: "the disk quota is used up. Free some space, or choose another folder",
        errno.EFBIG: "the file would be larger than this system allows. Raise the limit, or choose another folder",
        errno.EACCES: "the folder is not writable. Change its permissions, or choose another folder",
        errno.EPERM: "the folder is not writable. Change its permissions, or choose another folder",
        errno.EROFS: "the file system is read-only. Choose another folder",
        errno.ENOENT: "the folder does not exist",
        errno.ENOTDIR: "a part of this path is a file, not a folder. Choose another folder",
    }
    reason = remedies.get(error.errno or 0, error.strerror or str(error))
    return StorageError(f"cannot write {path}: {reason}.")


def dump_json(document: Any) -> str:
    """`document` as JSON text; numbers that JSON cannot hold travel as "NaN", "Infinity" and "-Infinity"."""
    return json.dumps(_tag_non_finite(document), indent=2, allow_nan=False) + "\n"


def dump_json_line(document: Any) -> str:
    """`document` as JSON on one line, non-finite numbers as in `dump_json`."""
    return json.dumps(_tag_non_finite(document), allow_nan=False)


def read_number(value: Any) -> float:
    """A number that `dump_json` wrote, non-finite ones included."""
    return NON_FINITE[value] if isinstance(value, str) else float(value)


def _tag_non_finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tag_non_finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_tag_non_finite(entry) for entry in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value
