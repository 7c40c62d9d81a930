"""Settings in layers: preset < TOML file < environment < flags, each laid over the one before."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skipline.cli.exits import FileError, UsageError
from skipline.wording import closest

PREFIX = "SKIPLINE_"
NOT_SETTINGS = {"SKIPLINE_DATA", "SKIPLINE_DEBUG", "SKIPLINE_TEST_DATA"}
"""Variables of the environment that are read elsewhere."""

_EXAMPLE = "Give a TOML file of settings, with lines such as epochs = 20."


def overlaid(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`: tables merge, all else is replaced; a table of another `kind` replaces the whole table.

    A text laid on a table is its new kind: `schedule = "cosine"` on `{kind = "step", factor = 0.1}`. A table laid on a
    text keeps that as its kind: `{learning_rate = 0.001}` on `optimiser = "adamw"`.
    """
    merged = dict(base)
    for name, value in over.items():
        old = merged.get(name)
        if isinstance(old, Mapping) and isinstance(value, str):
            value = {"kind": value}
        if isinstance(old, str) and isinstance(value, Mapping):
            value = {"kind": old, **value}
        merged[name] = value
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            kind = old.get("kind")
            merged[name] = overlaid(old, value) if value.get("kind", kind) == kind else value
    return merged


def nested(dotted: Mapping[str, Any]) -> dict[str, Any]:
    """`{"optimiser": "sgd", "optimiser.momentum": 0.8}` as `{"optimiser": {"kind": "sgd", "momentum": 0.8}}`.

    In any order. Raises `UsageError` where a value that is no text has settings below it.
    """
    tree: dict[str, Any] = {}
    for name in sorted(dotted, key=lambda name: name.count(".")):
        *path, last = name.split(".")
        table: dict[str, Any] = tree
        for part in path:
            below = table.setdefault(part, {})
            if isinstance(below, str):
                below = table[part] = {"kind": below}
            if not isinstance(below, dict):
                raise UsageError(f"{name} is set, but {part!r} is set to the value {below!r} and cannot hold it.")
            table = below
        table[last] = dotted[name]
    return tree


def from_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a TOML file and its settings; raises `FileError` with the line that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FileError(f"--config {path}: there is no such file. {_EXAMPLE}") from error
    except OSError as error:
        raise FileError(f"--config {path}: the file cannot be read: {error.strerror}. {_EXAMPLE}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"--config {path} is not UTF-8, and so not TOML. {_EXAMPLE}") from error
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"--config {path} is not TOML: {error}.") from error


def from_environment(environment: Mapping[str, str], known: list[str]) -> dict[str, Any]:
    """Settings from `SKIPLINE_EPOCHS=20`, `SKIPLINE_OPTIMISER__LEARNING_RATE=0.05`; raises `UsageError` for others."""
    dotted = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
            continue
        name = variable.removeprefix(PREFIX).lower().replace("__", ".")
        if name.split(".")[0] not in known:
            close = closest(name.split(".")[0], known)
            hint = f" Did you mean {PREFIX}{close.upper()}?" if close else ""
            raise UsageError(f"the environment sets {variable}, and there is no such setting.{hint} Unset it to go on.")
        dotted[name] = value
    return nested(dotted)


def from_assignments(assignments: list[str]) -> dict[str, Any]:
    """Settings from `--set optimiser.momentum=0.8`; the value is TOML, or else text."""
    dotted: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set {assignment!r} is not of the form NAME=VALUE, e.g. --set optimiser.momentum=0.8.")
        try:
            dotted[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            dotted[name.strip()] = value.strip()
    return nested(dotted)
