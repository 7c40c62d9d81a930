"""Descriptions to and from JSON. Strict: an unknown, missing or mistyped entry is refused with its place."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from typing import Any

from skipline.spec.block import NoShortcut, PadShortcut, ProjectionShortcut
from skipline.spec.check import SpecError
from skipline.spec.network import Network
from skipline.wording import did_you_mean, shown

FORMAT = "skipline.network"
VERSION = 4
OLDEST = 1  # the least version that is read: it lacks entries that have defaults since
_SHORTCUT_TYPES: dict[str, type] = {"none": NoShortcut, "pad": PadShortcut, "projection": ProjectionShortcut}
_EXACT = 2**53  # whole numbers up to here are floats too


def to_json(network: Network) -> dict[str, Any]:
    """`network` as a JSON object with its format and version; `from_json` gives an equal network back."""
    return {"format": FORMAT, "version": VERSION, **_encode(network)}


def dumps(network: Network) -> str:
    """`network` as JSON text, two spaces a level, ending in a newline."""
    return json.dumps(to_json(network), indent=2, allow_nan=False) + "\n"


def loads(text: str | bytes) -> Network:
    """The network that JSON text describes; raises `SpecError` naming the line or the entry that is wrong."""
    try:
        document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_twice)
    except SpecError:
        raise
    except RecursionError:
        raise SpecError("the description is nested too deeply to be one of a network.") from None
    except ValueError as error:  # not JSON, not UTF-8, or a number of more digits than Python reads
        raise SpecError(f"the description is not JSON: {error}.") from None
    return from_json(document)


def from_json(document: object) -> Network:
    """The network that a JSON object describes; raises `SpecError` naming the entry that is wrong.

    Entries that have a default may be missing: so files written before an entry existed stay readable.
    """
    if not isinstance(document, dict):
        raise SpecError(f"a description is a JSON object; this is {shown(document)}.")
    entries = dict(document)
    found = entries.pop("format", None)
    if found != FORMAT:
        raise SpecError(f"the entry 'format' is {shown(found)}; a description says {FORMAT!r}.")
    version = entries.pop("version", None)
    if type(version) is not int or not OLDEST <= version <= VERSION:
        raise SpecError(
            f"the entry 'version' is {shown(version)}; this skipline reads versions {OLDEST} to {VERSION}. "
            "Update skipline."
        )
    return _record(Network, entries, "network")


def _encode(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    entries = {field.name: _encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    tags = [{"type": tag} for tag, kind in _SHORTCUT_TYPES.items() if type(value) is kind]
    return {**tags[0], **entries} if tags else entries


def _decode(kind: Any, value: object, place: str) -> Any:
    if typing.get_origin(kind) is types.UnionType:
        return _shortcut(value, place)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise SpecError(f"{place} is {shown(value)}; expected a list.")
        item = typing.get_args(kind)[0]
        return tuple(_decode(item, entry, f"{place}[{number}]") for number, entry in enumerate(value))
    if dataclasses.is_dataclass(kind):
        return _record(kind, value, place)
    if kind is float and type(value) is int and abs(value) <= _EXACT:
        return float(value)
    return value  # its type and range are checked by the record that holds it


def _shortcut(value: object, place: str) -> Any:
    tag = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(tag, str) or tag not in _SHORTCUT_TYPES:
        tags = ", ".join(map(repr, _SHORTCUT_TYPES))
        what = f"its 'type' is {shown(tag)}" if isinstance(value, dict) else f"it is {shown(value)}"
        raise SpecError(f"{place}: {what}; expected an object whose 'type' is one of {tags}.")
    return _record(_SHORTCUT_TYPES[tag], {name: entry for name, entry in value.items() if name != "type"}, place)


def _record(kind: Any, value: object, place: str) -> Any:
    if not isinstance(value, dict):
        raise SpecError(f"{place} is {shown(value)}; expected an object, for {kind.__name__}.")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    _refuse_names(kind, value, fields, place)
    hints = typing.get_type_hints(kind)
    decoded = {name: _decode(hints[name], entry, f"{place}.{name}") for name, entry in value.items()}
    try:
        return kind(**decoded)
    except SpecError as error:
        raise SpecError(f"{place}: {error}") from None


def _refuse_names(kind: type, value: Mapping[Any, object], fields: Mapping[str, Any], place: str) -> None:
    for name in value:
        if name not in fields:
            hint = did_you_mean(str(name), fields) or f" It has {', '.join(fields) or 'no fields'}."
            raise SpecError(f"{place} has an unknown field {shown(name)} for {kind.__name__}.{hint}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in value:
            raise SpecError(f"{place} lacks the field {name!r}.")


def _refuse_constant(name: str) -> float:
    raise SpecError(f"the description holds {name}, which is no JSON number; every number must be finite.")


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise SpecError(f"the description has the entry {shown(twice)} twice in one object; keep one of them.")
    return entries
