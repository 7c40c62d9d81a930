"""`skipline train --lr find` among settings: a learning rate that is to be found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skipline.cli.exits import UsageError
from skipline.wording import did_you_mean, shown

FIND = "find"


def asks_to_find(settings: Mapping[str, Any]) -> bool:
    """Whether the learning rate among `settings` is to be found; raises `UsageError` for other words than that."""
    optimiser = settings.get("optimiser")
    rate = optimiser.get("learning_rate") if isinstance(optimiser, Mapping) else None
    if not isinstance(rate, str) or rate == FIND:
        return rate == FIND
    try:
        float(rate)  # text of a number, as the environment gives it, is a number
    except ValueError:
        hint = did_you_mean(rate.strip().lower(), [FIND])
        raise UsageError(
            f"optimiser.learning_rate is {shown(rate)}; expected a number, or {FIND!r} for a range test.{hint}"
        ) from None
    return False


def without_rate(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` but for the learning rate: that of their preset then stands until one is found."""
    rest = {name: value for name, value in settings["optimiser"].items() if name != "learning_rate"}
    return {**settings, "optimiser": rest}
