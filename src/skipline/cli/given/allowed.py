"""Which errors of a folder of photos a person lets pass, by name."""

from __future__ import annotations

from skipline.check import KINDS
from skipline.cli.exits import UsageError
from skipline.wording import did_you_mean

HOPELESS = ("no_image", "no_class", "one_class")  # with which nothing could be learnt


def allowed_errors(names: list[str]) -> tuple[str, ...]:
    """`names`; raises `UsageError` for one that is no error, or one that nothing could be learnt with."""
    errors = [name for name, kind in KINDS.items() if kind.severity == "error" and name not in HOPELESS]
    for name in names:
        if name not in errors:
            raise UsageError(
                f"--allow {name}: there is no such error. Errors that can be allowed: {', '.join(errors)}."
                f"{did_you_mean(name, errors)}"
            )
    return tuple(names)
