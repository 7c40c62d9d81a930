"""JSON records as a report reads them: the format checked, every field typed, non-finite numbers back from text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Strict, ValidationError

from skipline import files
from skipline.report.error import ReportError


def _untag(value: object) -> object:
    return files.NON_FINITE.get(value, value) if isinstance(value, str) else value


Real = Annotated[float, Strict(), BeforeValidator(_untag)]
"""A number, or `"NaN"`, `"Infinity"`, `"-Infinity"`; other text is refused."""


class Record(BaseModel):
    """A JSON object with named fields; further fields, which a later version may add, are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


R = TypeVar("R", bound=Record)


def read_object(path: Path) -> dict[str, Any]:
    """Read the JSON object in `path`; raises ReportError that names the file and what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ReportError(f"{path}: byte {error.start} is not UTF-8; expected a JSON object") from error
    return parse_object(text, where=str(path))


def parse_object(text: str, *, where: str) -> dict[str, Any]:
    """Parse `text` as one JSON object; `where` names it in the ReportError that is raised if it is not one."""
    try:
        return files.parse_object(text)
    except ValueError as error:
        raise ReportError(f"{where}: {error}") from error


def check_format(value: Mapping[str, Any], *, format: str, version: int, where: str) -> None:
    """Refuse a record whose `format` or `version` is not the one read here."""
    found, found_version = value.get("format"), value.get("version")
    if found != format:
        raise ReportError(f"{where}: format is {_said(found)}; this reads {format!r} version {version}")
    if isinstance(found_version, bool) or found_version != version:
        raise ReportError(
            f"{where}: {format} version is {_said(found_version)}; this reads version {version}. "
            "A file from a newer skipline needs that skipline: pip install --upgrade skipline"
        )


def parse(kind: type[R], value: Mapping[str, Any], *, where: str) -> R:
    """Turn `value` into a `kind`; raises ReportError naming the first field that does not fit, and its value."""
    try:
        return kind.model_validate(dict(value))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = _field(first["loc"])
        if first["type"] == "missing":
            raise ReportError(f"{where}: {field} is missing") from error
        reason = str(first.get("ctx", {}).get("error", "")) or first["msg"][0].lower() + first["msg"][1:]
        found = "" if first["type"] == "value_error" else f" is {_short(first['input'])}"
        raise ReportError(f"{where}: {field}{found}: {reason}".replace(": : ", ": ")) from error


def _field(path: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _short(value: object) -> str:
    # 60 characters show what it is and keep the message on two lines of a terminal.
    text = files.json_text(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _said(value: object) -> str:
    """The value of a field that every record has; what is not there is missing."""
    return "missing" if value is None else files.json_text(value)
