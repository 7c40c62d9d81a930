"""A JSON document about data: of the format and the version that are read here, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from skipline.data.error import DataError
from skipline.files import json_kind, json_text

RESTORE = "Restore it, or train again with `skipline train`."
_D = TypeVar("_D")


def load_document(path: Path, read: Callable[[object], _D], *, called: str, remedy: str) -> _D:
    """What `read` makes of the JSON in the file `path`, which `called` says the use of.

    Raises DataError, naming the file: what `read` raised, or that the file cannot be read, why, and the `remedy`.
    """
    try:
        return read(json.loads(path.read_bytes()))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except (OSError, ValueError, RecursionError) as error:  # JSON's and Unicode's errors are ValueErrors
        why = error.strerror if isinstance(error, OSError) else f"it is not JSON ({error})"
        raise DataError(f"{path}, {called}, cannot be read: {why}. {remedy}".rstrip()) from error


def require_document(content: object, noun: str, *, form: str, version: int) -> dict[str, Any]:
    """`content`, a JSON object that says of itself to be of the format `form` and of `version`.

    Raises DataError for anything else; `noun` is what the message calls it.
    """
    if not isinstance(content, dict) or content.get("format") != form:
        found = _format_of(content) if isinstance(content, dict) else json_kind(content)
        raise DataError(f"{noun}: found {found}; expected a JSON object with format {form!r}.")
    found = content.get("version")
    if found != version:
        is_newer = type(found) is int and found > version
        raise DataError(
            f"{noun}: version {json_text(found):.60} is not readable here; expected {version}."
            + (" A newer skipline wrote it: update skipline." if is_newer else "")
        )
    return content


def _format_of(content: dict[str, Any]) -> str:
    found = content.get("format")
    return "no format" if found is None else f"the format {json_text(found):.60}"
