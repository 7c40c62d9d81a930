"""Settings, such as a recipe, as a table of names and values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skipline.amount import setting_text
from skipline.report.html.table import Table


def settings_table(values: Mapping[str, Any], *, caption: str) -> Table:
    """A table of names and values; what lies deeper is named by its path, as in `schedule.warm_up`.

    The file's format and version are left out, and of a network's description only its name is shown: the rest fills
    pages and stands in the file.
    """
    return Table(
        caption=caption, head=("name", "value"), groups=(("", tuple(_flat(values, prefix=""))),), figures=False
    )


def differing_table(each: Sequence[Mapping[str, Any]], *, heads: tuple[str, ...], caption: str) -> Table:
    """A table of the names whose values are not the same in all of `each`, one column for each."""
    found = [dict(_flat(values, prefix="")) for values in each]
    names = dict.fromkeys(name for values in found for name in values)
    rows = ((name, *(values.get(name, "none") for values in found)) for name in names)
    different = tuple(row for row in rows if len(set(row[1:])) > 1)
    return Table(caption=caption, head=("name", *heads), groups=(("", different),), figures=False)


def network_name(recipe: Mapping[str, Any]) -> str:
    """The name of the network in a recipe's JSON; empty where it has none."""
    network = recipe.get("network")
    name = network.get("name") if isinstance(network, Mapping) else network
    return name if isinstance(name, str) else ""


def _flat(values: Mapping[str, Any], *, prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if not prefix and name in ("format", "version"):
            continue
        if not prefix and name == "network" and network_name(values):
            yield name, network_name(values)
        elif isinstance(value, Mapping) and value:
            yield from _flat(value, prefix=f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _plain(value)


def _plain(value: object) -> str:
    if value == [] or value == {}:
        return "none"
    if value is None or isinstance(value, str | int | float):
        return setting_text(value)
    if isinstance(value, list | tuple) and not any(isinstance(part, Mapping | list | tuple) for part in value):
        return ", ".join(map(_plain, value))
    return json.dumps(value, ensure_ascii=False, default=str)
