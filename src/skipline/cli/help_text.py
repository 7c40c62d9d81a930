"""The help of a verb: its docstring, each paragraph in one line, so that it fills whatever width it is shown in."""

from __future__ import annotations

import inspect


def flowing(text: str | None) -> str:
    """A docstring without the line breaks of the source within its paragraphs."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text or "").split("\n\n"))
