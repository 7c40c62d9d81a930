"""A path with nothing behind it ends with 3, whichever verb it is given to, and is named; nothing is left behind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from skipline.cli.exits import CLOSED_PIPE, EXITS

from .conftest import Command

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "no/photos"),
        ("train", "cifar10", "--data", "no/data"),
        ("train", "digits", "--config", "no.toml"),
        ("train", "digits", "--model", "no.json"),
        ("train", "digits", "--from", "no/run"),
        ("train", "digits", "--from", "no.pth"),
        ("resume", "no/run"),
        ("deepen", "no/run", "--to", "20"),
        ("evaluate", "no/run"),
        ("evaluate", "no.safetensors", "digits"),
        ("predict", "no/run", "a.png"),
        ("report", "no/run"),
        ("compare", "no/run", "no/other"),
        ("runs", "no/runs"),
        ("check", "no/photos"),
        ("import", "no.pth", "--model", "digits_resnet8"),
        ("export", "no/run", "a.pth", "--to", "timm"),
        ("tune", "no.json"),
        ("diagnose", "no/run"),
        ("diagnose", "no.safetensors"),
        ("diagnose", "no.json"),
        ("race", "--source", "no/data"),
        ("race", "--resume", "no/study"),
        ("study", "depth", "--resume", "no/study"),
        ("demo", "--resume", "no/study"),
    ],
)
def test_a_path_with_nothing_behind_it_ends_with_3(
    skipline: Command, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ended = skipline(*arguments)
    assert (ended.code, ended.out) == (3, ""), ended.err
    (path, *_) = (argument for argument in arguments if argument.startswith("no"))
    assert path in ended.err
    assert ended.err.splitlines()[-1].startswith("error: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "arguments"),
    [
        ("broken.toml", b"epochs = = 3", ("train", "digits", "--config", "broken.toml")),
        ("broken.json", b"{", ("train", "digits", "--model", "broken.json")),
        ("broken.safetensors", b"torn", ("evaluate", "broken.safetensors", "digits")),
        ("broken.pth", b"torn", ("import", "broken.pth", "--model", "digits_resnet8")),
        ("broken.safetensors", b"torn", ("diagnose", "broken.safetensors")),
    ],
)
def test_so_does_a_file_that_is_broken(
    skipline: Command, tmp_path: Path, name: str, content: bytes, arguments: tuple[str, ...]
) -> None:
    (tmp_path / name).write_bytes(content)
    ended = skipline(*arguments)
    assert ended.code == 3
    assert name in ended.err


def test_the_readme_has_every_code_that_there_is() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", README.read_text(encoding="utf-8"), re.MULTILINE)}
    assert told == {0, CLOSED_PIPE, *EXITS.values()}
