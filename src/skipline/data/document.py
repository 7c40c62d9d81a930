"""A JSON document about data: of the format and the version that are read here, or refused."""

from __future__ import annotations

from typing import Any

from skipline.data.error import DataError
from skipline.files import json_kind, json_text


def require_document(content: object, noun: str, *, form: str, version: int) -> dict[str, Any]:
    """`content`, a JSON object that says of itself to be of the format `form` and of `version`.

    Raises DataError for anything else; `noun` is what the message calls it.
    """
    if not isinstance(content, dict) or content.get("format") != form:
        found = _format_of(content) if isinstance(content, dict) else json_kind(content)
        raise DataError(f"{noun}: found {found}; expected a JSON object with format {form!r}.")
    if content.get("version") != version:
        raise DataError(
            f"{noun}: version {json_text(content.get('version'))} is not readable here; expected {version}. "
            "A newer skipline wrote it: update skipline."
        )
    return content


def _format_of(content: dict[str, Any]) -> str:
    found = content.get("format")
    return "no format" if found is None else f"the format {json_text(found):.60}"
