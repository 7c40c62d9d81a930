"""Python sources as the rules of the house read them: syntax trees, and what a name stands for."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path


def parsed(package: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every module of a package: its path inside it, with slashes, and its syntax tree."""
    for path in sorted(package.rglob("*.py")):
        yield path.relative_to(package).as_posix(), _tree(path.read_text(encoding="utf-8"), str(path))


@functools.cache
def _tree(text: str, name: str) -> ast.Module:
    """The syntax tree of a source, which nobody changes: a dozen rules read every one of them."""
    return ast.parse(text, name)


def owner_of(file: str) -> str:
    """The top-level module or package that a file belongs to: `costs.py` and `costs/fold.py` are both `costs`."""
    return file.split("/")[0].removesuffix(".py")


def imported(tree: ast.AST, file: str) -> Iterator[tuple[str, int]]:
    """Every dotted name that a module imports, wherever in it, with its line; relative names made absolute."""
    package = ["skipline", *file.split("/")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            for alias in node.names:
                yield ".".join([*base, *filter(None, [node.module]), alias.name]), node.lineno
        elif isinstance(node, ast.Call) and node.args and last_name(node.func) in ("import_module", "__import__"):
            name = node.args[0]
            yield (str(name.value) if isinstance(name, ast.Constant) else "?"), node.lineno


def aliases(tree: ast.AST, file: str) -> dict[str, str]:
    """What each name that an import binds stands for: after `import numpy as np`, np is numpy."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                bound[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            for (full, _), alias in zip(imported(node, file), node.names, strict=True):
                bound[alias.asname or alias.name] = full
    return bound


def last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`; "" for anything but a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def dotted(node: ast.AST, bound: Mapping[str, str]) -> str:
    """The full name of `a.b.c` with its first part looked up among the imports; "" for anything but a dotted name."""
    if isinstance(node, ast.Name):
        return bound.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, bound)
        return f"{base}.{node.attr}" if base else ""
    return ""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call of a method or of a module's function: `a.b()`."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
