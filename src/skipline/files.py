"""Files that are whole or absent: written under a temporary name, synced to the disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

PARTIAL_SUFFIX = ".partial"  # of files and folders that are being written, hidden by a dot in front

_REMEDIES = {
    errno.ENOSPC: "the disk is full. Free some space, or choose another folder",
    errno.EDQUOT: "the disk quota is used up. Free some space, or choose another folder",
    errno.EFBIG: "the file would be larger than this system allows. Raise the limit, or choose another folder",
    errno.EACCES: "the folder is not writable. Change its permissions, or choose another folder",
    errno.EPERM: "the folder is not writable. Change its permissions, or choose another folder",
    errno.EROFS: "the file system is read-only. Choose another folder",
    errno.ENOENT: "the folder is not there. Make it, or choose another one",
    errno.ENOTDIR: "a part of this path is a file, not a folder. Choose another folder",
    errno.EEXIST: "there is a file of that name. Move it away, or choose another folder",
    errno.EISDIR: "there is a folder of that name. Move it away, or choose another one",
}
NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class StorageError(OSError):
    """A file or folder that cannot be written; the message names it, the reason and what to do."""


def write_whole(path: Path, data: bytes | str) -> None:
    """Write `data` to `path` so that at any moment, power cuts included, the file is the old one or the new one.

    Raises `StorageError` where the disk is full or the folder is not writable; the old file is then untouched. A
    process that is killed may leave its partial file, which `remove_partials` removes.
    """
    payload = data.encode("utf-8") if isinstance(data, str) else data
    try:
        with replacing(path) as file:
            file.write(payload)
    except OSError as error:
        raise storage_error(path, error) from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file to write and read, which takes the place of `path`, synced, when the block ends.

    Where the block raises, `path` is as it was and the new file is gone. Raises the system's own OSError, for whoever
    calls to put in words (`storage_error`).
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL_SUFFIX}")
    try:
        with open(partial, "x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it where they are not there; raises `StorageError` where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:  # though those above have been made: a system's own folder, such as /proc
        above = next(each for each in folder.absolute().parents if each.exists())
        raise StorageError(
            f"cannot write {folder}: nobody can make a folder in {above}. Choose another folder."
        ) from error
    except OSError as error:
        raise storage_error(folder, error) from error


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """What the system says against writing `path` is a `StorageError`."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise storage_error(path, error) from error


def append_line(path: Path, line: str) -> None:
    """Append one line to `path` and sync it; raises `StorageError`, and then the file is as it was.

    A process that is killed may leave a part of the line at the end, which `whole_lines` drops.
    """
    with storing(path), open(path, "ab", buffering=0) as file:
        length = file.seek(0, os.SEEK_END)
        rest = memoryview(line.encode("utf-8") + b"\n")
        try:
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except BaseException:
            file.truncate(length)
            raise


def whole_lines(path: Path) -> tuple[list[str], bool]:
    """The lines of `path` that `append_line` finished, and whether there is a part of one behind them.

    A run is killed, or is writing, just there. Bytes that are no UTF-8 come as U+FFFD.
    """
    *whole, rest = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return whole, bool(rest.strip())


def remove_partials(folder: Path) -> None:
    """Remove the partial files that killed processes left in `folder` and below; nobody may be writing there now."""
    for partial in folder.rglob(f".*{PARTIAL_SUFFIX}"):
        with storing(partial):
            partial.unlink(missing_ok=True)


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
    reason = _REMEDIES.get(error.errno or 0, error.strerror or str(error))
    return StorageError(f"cannot write {path}: {reason}.")


def dump_json(document: Any) -> str:
    """`document` as JSON text; numbers that JSON cannot hold travel as "NaN", "Infinity" and "-Infinity"."""
    return json.dumps(_tagged(document), indent=2, allow_nan=False) + "\n"


def dump_json_line(document: Any) -> str:
    """`document` as JSON on one line, non-finite numbers as in `dump_json`."""
    return json.dumps(_tagged(document), allow_nan=False)


def read_number(value: Any) -> float:
    """A number that `dump_json` wrote, non-finite ones included; raises `ValueError` for anything else."""
    if isinstance(value, str) and value in NON_FINITE:
        return NON_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number; expected one, or one of {', '.join(map(repr, NON_FINITE))}.")
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(
            f"a whole number of {int(value).bit_length()} bits is more than any float can hold."
        ) from error


def parse_object(text: str | bytes) -> dict[str, Any]:
    """The JSON object that `text` is; raises `ValueError` that says what it is instead, to stand after its place."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error}); expected a JSON object") from error
    if not isinstance(value, dict):
        raise ValueError(f"found {json_kind(value)}; expected a JSON object")
    return value


def json_kind(value: object) -> str:
    """What a value that JSON held is called in messages: `a JSON null`, `a JSON array`."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return f"a JSON {names.get(type(value), 'null')}"


def json_text(value: object) -> str:
    """A value that JSON held, in a message: null, true and false as JSON writes them, all else as Python does."""
    return json.dumps(value) if value is None or isinstance(value, bool) else repr(value)


def _tagged(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tagged(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_tagged(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
