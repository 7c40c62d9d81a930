"""The command line, run inside the test's process: what it prints, and the code it ends with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from skipline.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def skipline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`skipline("train", "digits")` in an empty folder, with no SKIPLINE_… in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("SKIPLINE_DATA", "SKIPLINE_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr("sys.argv", ["skipline", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else int(code is not None), printed.out, printed.err)

    return run
