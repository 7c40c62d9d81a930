"""The command line, run inside the test's process: what it prints, and the code it ends with."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main

from skipline.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


LAUNCHED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun says to a process that it starts."""

Command = Callable[..., Ended]


@pytest.fixture(scope="session", autouse=True)
def verbs_made_once() -> Iterator[None]:
    """Typer makes the verbs anew from their signatures whenever a program begins, which takes 0.07 s of each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))
        yield


@pytest.fixture(autouse=True)
def as_wide_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No width in the environment: where tests run side by side it has one."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def skipline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`skipline("train", "digits")` in an empty folder, with no setting and no launcher in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SKIPLINE_") or name in LAUNCHED]:
        monkeypatch.delenv(name)

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr("sys.argv", ["skipline", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else int(code is not None), printed.out, printed.err)

    return run


def done_in(folder: Path, *commands: tuple[str, ...]) -> None:
    """Do each of `commands` in `folder`, one after the other; for fixtures that several tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for arguments in commands:
            patch.setattr("sys.argv", ["skipline", *arguments])
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code == 0, arguments
