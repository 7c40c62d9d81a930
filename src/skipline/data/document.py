"""A JSON document about data: of the format and the version that are read here, or refused."""

from __future__ import annotations

from typing import Any

from skipline.data.error import DataError


def require_document(content: object, noun: str, *, form: str, version: int) -> dict[str, Any]:
    """`content`, a JSON object that says of itself to be of the format `form` and of `version`.

    Raises DataError for anything else; `noun` is what the message calls it.
    """
    if not isinstance(content, dict) or content.get("format") != form:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise DataError(f"{noun}: expected a JSON object with format {form!r}; found {found!r:.60}.")
    if content.get("version") != version:
        raise DataError(
            f"{noun}: version {content.get('version')!r} is not readable here; expected {version}. "
            "A newer skipline wrote it: update skipline."
        )
    return content
