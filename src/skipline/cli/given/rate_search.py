"""`skipline train --lr find` among settings: a learning rate that is to be found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIND = "find"


def asks_to_find(settings: Mapping[str, Any]) -> bool:
    """Whether the learning rate among `settings` is to be found."""
    optimiser = settings.get("optimiser")
    return isinstance(optimiser, Mapping) and optimiser.get("learning_rate") == FIND


def without_rate(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` but for the learning rate: that of their preset then stands until one is found."""
    rest = {name: value for name, value in settings["optimiser"].items() if name != "learning_rate"}
    return {**settings, "optimiser": rest}
