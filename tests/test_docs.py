"""What README and docs say is true: their Python runs, and their links lead somewhere."""

from __future__ import annotations

import ast
import functools
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from typer.core import TyperGroup
from typer.main import get_command

from skipline.cli.app import app
from skipline.cli.exits import CLOSED_PIPE, EXITS

ROOT = Path(__file__).parents[1]
PAGES = [path.relative_to(ROOT).as_posix() for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def dead_links(page: str, folder: Path) -> list[str]:
    """Links of a page to files that are not there; addresses on the web and places within the page are left alone."""
    targets = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"", page)
    files = {(one or other).split("#")[0] for one, other in targets if ":" not in (one or other)}
    return sorted(file for file in files if file and not (folder / file).exists())


def words_of_code(page: str) -> list[str]:
    """The words in code of the second column of a page's tables: `` | symbol | `word`, `word` | meaning | ``."""
    columns = re.findall(r"^\|[^|]*\|([^|]*)\|", page, re.MULTILINE)
    return [word for column in columns for word in re.findall(r"`(\w+)`", column)]


def unknown_words(page: str, sources: Iterable[str]) -> list[str]:
    """Words of the second column that `sources` use nowhere as a name: a variable, an argument, an attribute."""
    words = words_of_code(page)
    unknown = set(words)
    for source in sources:
        if any(word in source for word in unknown):
            unknown -= names_in(source)
    return [word for word in words if word in unknown]


def names_in(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                names.add(name)
            case _:
                pass
    return names


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    assert dead_links(page.read_text(encoding="utf-8"), page.parent) == []


@pytest.mark.parametrize(
    "name", [name for name in PAGES if blocks((ROOT / name).read_text(encoding="utf-8"), "python")]
)
def test_python_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page, in order and under one set of names, as somebody would type them."""
    code = "\n".join(blocks((ROOT / name).read_text(encoding="utf-8"), "python"))
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(compile(code, name, "exec"), {"__name__": name})


def test_notation_is_that_of_the_code() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    page = (ROOT / "docs" / "notation.md").read_text(encoding="utf-8")
    assert words_of_code(page), "the page joins symbols to words"
    assert unknown_words(page, sources) == []


def commands_of(page: str) -> list[list[str]]:
    """The words of each `skipline …` in the page's fenced blocks, those behind a launcher or a pipe included."""
    found = []
    for block in re.findall(r"^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if re.match(r"(?:\S+ \| |\S.*\| |torchrun .* -m )?skipline ", line):
                words = shlex.split(line, comments=True)
                found.append(words[words.index("skipline") + 1 :])
    return found


@functools.cache
def program() -> TyperGroup:
    """The program's parser, made once: that takes a tenth of a second."""
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    return command


@pytest.mark.parametrize("name", [name for name in PAGES if commands_of((ROOT / name).read_text(encoding="utf-8"))])
def test_commands_can_be_typed(name: str) -> None:
    """The program's own parser takes every word of them; nothing is done."""
    for verb, *words in commands_of((ROOT / name).read_text(encoding="utf-8")):
        command, given = program(), [verb, *words]
        while isinstance(command, TyperGroup):
            command = command.commands[given.pop(0)]
        command.make_context(verb, given)


def test_commands_are_found() -> None:
    lines = ("skipline a --b 'c d'  # e", "ls | skipline f -", "torchrun -n 2 \\", "  -m skipline g", "make test")
    page = "\n".join(("```", *lines, "```", "skipline h", ""))
    assert commands_of(page) == [["a", "--b", "c d"], ["f", "-"], ["g"]]
    with pytest.raises(Exception, match=r"No such option.*--epoch\b"):
        program().commands["resume"].make_context("resume", ["runs/last", "--epoch", "3"])


def test_the_exit_codes_are_those_of_the_program() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    told = [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    assert told == sorted({0, *EXITS.values(), CLOSED_PIPE})


def test_the_figures_of_the_readme_are_published() -> None:
    """A number of its section on speed and exactness is in a results page too, where its command stands."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## How fast, how exact")[1].split("\n## ")[0]
    pages = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("results.md", "models.md"))
    figures = re.findall(r"(?<![\w.])\d[\d.,e-]*\d", section)
    assert len(figures) > 10
    assert [figure for figure in figures if not re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", pages)] == []


def test_dead_links_are_seen(tmp_path: Path) -> None:
    (tmp_path / "here.md").touch()
    page = '[a](here.md) [b](here.md#x) [c](gone.md) [d](https://example.org/gone.md) [e](#x) <img src="gone.png">'
    assert dead_links(page, tmp_path) == ["gone.md", "gone.png"]


def test_words_that_are_not_in_the_code_are_seen() -> None:
    page = "| symbol | in code | meaning |\n| --- | --- | --- |\n| ε | `eps`, `epsilon` | `gone` |\n| χ | – | x |\n"
    assert unknown_words(page, ["'eps'\ndef norm(epsilon): ...  # eps"]) == ["eps"]


def test_blocks_are_found() -> None:
    assert blocks("```python\na\nb\n```\n\n```\nc\n```\n```python\nd\n```\n", "python") == ["a\nb\n", "d\n"]
