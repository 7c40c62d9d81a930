"""Help pages: their texts; and the quick way to a page, or to a verb that is typed alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import typer
import typer.core
import typer.main

HELP_FLAGS = ["-h", "--help"]


def flowing(text: str | None) -> str:
    """A docstring without the line breaks of the source within its paragraphs, which fills any width."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text or "").split("\n\n"))


def needs_nothing(verb: Callable[..., None]) -> bool:
    """Whether every parameter of a verb has a default: typed alone, it can be called without parsing anything."""
    return all(each.default is not each.empty for each in inspect.signature(verb).parameters.values())


def show_help(program: typer.Typer, verb: str) -> None:
    """Print the help page of `verb`, or of the whole program for "".

    Nothing is parsed for it: for that typer loads pydantic's types, 0.2 s of the half second that a page may take
    (measured: typer 0.29, AMD EPYC).
    """
    group = typer.main.get_command(program)
    assert isinstance(group, typer.core.TyperGroup)
    context = group.context_class(group, info_name="skipline", **group.context_settings)
    shown = group
    if verb:
        shown = group.commands[verb]
        context = shown.context_class(shown, info_name=verb, parent=context)
    typer.echo(shown.get_help(context))
