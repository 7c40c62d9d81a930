"""Recipes to and from settings: the boundary where text becomes a `Recipe`, checked once and trusted afterwards."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from skipline import spec
from skipline.data import Augment
from skipline.spec import Network
from skipline.train.optimiser import AdamW, Sgd
from skipline.train.recipe import Recipe
from skipline.train.refuse import RecipeError
from skipline.train.schedule import Constant, Cosine, LinearWarmUp, NoWarmUp, OneCycle, Step, UntilError

FORMAT = "skipline.recipe"
VERSION = 1

KINDS: dict[str, dict[str, type]] = {
    "optimiser": {"sgd": Sgd, "adamw": AdamW},
    "schedule": {"constant": Constant, "step": Step, "cosine": Cosine, "one_cycle": OneCycle},
    "warm_up": {"none": NoWarmUp, "linear": LinearWarmUp, "until_error": UntilError},
}
"""The settings that come in kinds, each kind with the record that holds its own settings."""


def recipe_to_json(recipe: Recipe) -> dict[str, Any]:
    """`recipe` as a JSON object with its format and version; `recipe_from_json` gives an equal recipe back."""
    fields = [field.name for field in dataclasses.fields(recipe) if field.name != "network"]
    entries = {name: getattr(recipe, name) for name in fields}
    plain = {name: dataclasses.asdict(v) if dataclasses.is_dataclass(v) else v for name, v in entries.items()}
    return {"format": FORMAT, "version": VERSION, **plain, "network": spec.to_json(recipe.network)}


def recipe_from_json(document: Mapping[str, Any]) -> Recipe:
    """The recipe that a JSON object holds; raises `RecipeError` or `SpecError` naming the entry that is wrong."""
    entries = dict(document)
    found = (entries.pop("format", None), entries.pop("version", None))
    if found != (FORMAT, VERSION):
        raise RecipeError(f"the file is {found[0]!r} version {found[1]!r}; this skipline reads {FORMAT!r} version {VERSION}.")
    network = spec.from_json(entries.pop("network", None))
    return recipe_from_settings(entries, network=network)


def recipe_from_settings(settings: Mapping[str, Any], *, network: Network) -> Recipe:
    """A recipe for `network` from nested settings, as TOML gives them; what is not set takes its default.

    A setting that comes in kinds is a table with its `kind`, or just the kind. Numbers may be text. Raises
    `RecipeError` that names the setting, what came and what was expected, with a "did you mean" for unknown names.
    """
    hints = typing.get_type_hints(Recipe, include_extras=True)
    names = [field.name for field in dataclasses.fields(Recipe) if field.name != "network"]
    values = {}
    for name, value in settings.items():
        _check_name(name, names, "")
        if name in KINDS:
            values[name] = _decode_kind(name, value)
        elif name == "augment":
            values[name] = _decode_record(Augment, name, value)
        else:
            values[name] = _convert(hints[name], name, value)
    try:
        return Recipe(network=network, **values)
    except TypeError as error:
        raise RecipeError(f"the settings lack a needed one: {error}.") from error


def _decode_kind(name: str, value: object) -> object:
    kinds = KINDS[name]
    table = {"kind": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or table.get("kind") not in kinds:
        came = table.get("kind") if isinstance(table, Mapping) else table
        close = difflib.get_close_matches(str(came), kinds, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise RecipeError(f"{name}.kind is {came!r}; expected one of {', '.join(map(repr, kinds))}.{hint}")
    return _decode_record(kinds[table["kind"]], name, table)


def _decode_record(record: type, name: str, value: object) -> object:
    if not isinstance(value, Mapping):
        raise RecipeError(f"{name} is {value!r}; expected a table of settings.")
    hints = typing.get_type_hints(record)
    fields = [field.name for field in dataclasses.fields(record)]
    for key in value:
        _check_name(key, fields, f"{name}.")
    converted = {key: _convert(hints[key], f"{name}.{key}", entry) for key, entry in value.items()}
    try:
        return record(**converted)
    except RecipeError:
        raise
    except ValueError as error:
        raise RecipeError(f"{name}: {error}") from error


def _check_name(name: str, known: list[str], prefix: str) -> None:
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {prefix + close[0]!r}?" if close else f" There are: {', '.join(known)}."
        raise RecipeError(f"there is no setting {prefix + name!r}.{hint}")


def _convert(kind: Any, name: str, value: object) -> Any:
    if kind is int and isinstance(value, float):
        raise RecipeError(f"{name} is {value!r}; expected a whole number.")
    try:
        return TypeAdapter(Annotated[kind, Field()]).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise RecipeError(f"{name} is {value!r}; {first['msg'][0].lower()}{first['msg'][1:]}.") from error
