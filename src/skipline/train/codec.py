"""Recipes to and from settings: the boundary where text becomes a `Recipe`, checked once and trusted afterwards."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import TypeAdapter

from skipline import spec
from skipline.data import Augment
from skipline.data.augmentation.photo_augment import PhotoAugment
from skipline.spec import Network
from skipline.train.deepening import Deepening
from skipline.train.error import RecipeError
from skipline.train.optimiser import AdamW, Sgd
from skipline.train.probe import Probe
from skipline.train.recipe import Recipe
from skipline.train.schedule import Constant, Cosine, LinearWarmUp, NoWarmUp, OneCycle, StepDecay, UntilError
from skipline.wording import did_you_mean, require_choice, whole_example

FORMAT = "skipline.recipe"
VERSION = 1

KINDS: dict[str, dict[str, type]] = {
    "optimiser": {"sgd": Sgd, "adamw": AdamW},
    "schedule": {"constant": Constant, "step": StepDecay, "cosine": Cosine, "one_cycle": OneCycle},
    "warm_up": {"none": NoWarmUp, "linear": LinearWarmUp, "until_error": UntilError},
}
"""The settings that come in kinds, each kind with the record that holds its own settings."""

_RECORDS: dict[str, type] = {
    "augment": Augment,
    "photo_augment": PhotoAugment,
    "probe": Probe,
}  # tables of settings of one kind
_NEEDED = "source"  # the one setting without a default
_IN_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    tuple[float, ...]: "a list of numbers",
    int | Literal["auto"]: "a whole number or auto",
    float | Literal["auto"]: "a number or auto",
}
_LOSSY: dict[Any, tuple[type, ...]] = {int: (bool, float), float: (bool,)}  # what pydantic converts and we refuse


def recipe_to_json(recipe: Recipe) -> dict[str, Any]:
    """`recipe` as a JSON object with its format and version; `recipe_from_json` gives an equal recipe back."""
    names = [field.name for field in dataclasses.fields(recipe) if field.name != "network"]
    settings = {name: _encode(name, getattr(recipe, name)) for name in names}
    return {"format": FORMAT, "version": VERSION, **settings, "network": spec.to_json(recipe.network)}


def recipe_from_json(document: object) -> Recipe:
    """The recipe that a JSON object holds; raises `RecipeError` or `SpecError` naming the entry that is wrong."""
    if not isinstance(document, Mapping):
        raise RecipeError(f"a recipe is a JSON object; this is {document!r}.")
    entries = dict(document)
    found = (entries.pop("format", None), entries.pop("version", None))
    if found != (FORMAT, VERSION):
        raise RecipeError(
            f"the recipe is {found[0]!r} version {found[1]!r}; this skipline reads {FORMAT!r} version {VERSION}."
        )
    network = spec.from_json(entries.pop("network", None))
    return recipe_from_settings(entries, network=network)


def recipe_from_settings(settings: Mapping[str, Any], *, network: Network) -> Recipe:
    """A recipe for `network` from nested settings, as TOML gives them; what is not set takes its default.

    A setting that comes in kinds is a table with its `kind`, or just the kind. Numbers may be text, as the environment
    gives them, and a list of numbers text with commas. Raises `RecipeError` that names the setting, what came and what
    was expected, with a "did you mean" for unknown names; `InitError` for the initialisation.
    """
    hints = typing.get_type_hints(Recipe)
    names = [field.name for field in dataclasses.fields(Recipe) if field.name != "network"]
    values = {}
    for name, value in settings.items():
        _require_known(name, names, "")
        if name in KINDS:
            values[name] = _decode_kind(name, value)
        elif name in _RECORDS:
            values[name] = decode_record(_RECORDS[name], name, value)
        elif name == "deepen":
            values[name] = _decode_deepen(value)
        else:
            values[name] = _convert(hints[name], name, value)
    if _NEEDED not in values:
        raise RecipeError(f"the settings have no {_NEEDED!r}; it is the one that has no default.")
    return Recipe(network=network, **values)


def _decode_deepen(value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        example = "[{epoch = 3, depth = 56}]"
        raise RecipeError(f"deepen is {value!r}; expected a list of tables with an 'epoch' and a 'depth': {example}.")
    for number, entry in enumerate(value):
        for key in ("epoch", "depth"):
            if isinstance(entry, Mapping) and key not in entry:
                raise RecipeError(f"deepen[{number}] has no {key!r}: expected e.g. {{epoch = 3, depth = 56}}.")
    return tuple(decode_record(Deepening, f"deepen[{number}]", entry) for number, entry in enumerate(value))


def _encode(name: str, value: Any) -> Any:
    if name == "deepen":
        return [dataclasses.asdict(entry) for entry in value]
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    kinds = [kind for kind, record in KINDS.get(name, {}).items() if type(value) is record]
    fields = dataclasses.asdict(value)
    entries = {field: list(entry) if isinstance(entry, tuple) else entry for field, entry in fields.items()}
    return {"kind": kinds[0], **entries} if kinds else entries


def _decode_kind(name: str, value: object) -> object:
    table = {"kind": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping):
        raise RecipeError(f"{name} is {value!r}; expected a table of settings with a 'kind', or just the kind.")
    kind = table.get("kind")
    require_choice(RecipeError, f"{name}.kind", kind, KINDS[name])
    entries = {key: entry for key, entry in table.items() if key != "kind"}
    return decode_record(KINDS[name][str(kind)], name, entries)


def decode_record(record: type, name: str, value: object) -> object:
    """The dataclass `record` of the table `value` of settings called `name`; raises `RecipeError` as the others do."""
    if not isinstance(value, Mapping):
        raise RecipeError(f"{name} is {value!r}; expected a table of settings.")
    hints = typing.get_type_hints(record)
    for key in value:
        _require_known(key, hints, f"{name}.")
    converted = {key: _convert(hints[key], f"{name}.{key}", entry) for key, entry in value.items()}
    try:
        return record(**converted)
    except RecipeError:
        raise
    except ValueError as error:  # of a record that another package owns
        raise RecipeError(f"{name}: {error}") from error


_OTHER_NAMES = {
    "lr": "learning_rate",
    "wd": "weight_decay",
    "optimizer": "optimiser",
    "scheduler": "schedule",
    "warmup": "warm_up",
    "ema": "ema_decay",
    "clip": "clip_norm",
}
"""What others call a setting, for the "did you mean"."""


def _require_known(name: object, known: Iterable[str], prefix: str) -> None:
    allowed = [f"{prefix}{each}" for each in known]
    full = f"{prefix}{name}"
    if full not in allowed:
        there_are = f" There are: {', '.join(allowed)}." if allowed else " It has none."
        meant = f"{prefix}{_OTHER_NAMES.get(str(name), name)}"
        raise RecipeError(f"there is no setting {full!r}.{did_you_mean(meant, allowed) or there_are}")


def _convert(kind: Any, name: str, value: object) -> Any:
    """`value` as the type `kind`, from itself or from text; what range it must lie in is the record's to say."""
    if typing.get_origin(kind) is typing.Literal:
        require_choice(RecipeError, name, value, typing.get_args(kind))
        return value
    entries = value.split(",") if isinstance(value, str) and typing.get_origin(kind) is tuple else value
    try:
        if isinstance(value, _LOSSY.get(kind, ())):
            raise ValueError
        return TypeAdapter(kind).validate_python(entries)
    except ValueError:  # pydantic's own error is one
        example = whole_example(value) if kind is int and not isinstance(value, bool) else ""
        raise RecipeError(f"{name} is {value!r}; expected {_IN_WORDS[kind]}{example}.") from None
