"""`skipline lab` says what keeps it from starting."""

from __future__ import annotations

import socket
from importlib import metadata

import pytest

from skipline.cli.exits import UsageError, exit_code
from skipline.cli.lab import lab
from skipline.extras import ExtraMissing


def test_a_port_that_is_taken_is_said() -> None:
    pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'skipline[serve]'")
    pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install 'skipline[serve]'")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} cannot be had .* skipline lab --port 0"):
            lab(port=port, open_=False, at="")


@pytest.mark.parametrize("absent", ["fastapi", "uvicorn", "websockets"])
def test_the_missing_extra_is_said(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == absent:
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(ExtraMissing) as caught:
        lab(port=0, open_=False, at="")
    assert str(caught.value) == f"the lab needs {absent}, not installed here: pip install 'skipline[serve]'"
    assert exit_code(caught.value) == 5
