"""`skipline lab` says what keeps it from starting."""

from __future__ import annotations

import inspect
import socket
import time
import webbrowser
from importlib import metadata

import pytest
import torch

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
        with pytest.raises(UsageError, match=f"port {port} is not available .* skipline lab --port 0"):
            lab(port=port, open_=False, at="")


def test_it_listens_to_this_machine_alone_and_opens_the_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install 'skipline[serve]'")
    pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'skipline[serve]'")
    heard: list[str] = []
    was_opened: list[str] = []

    def run(_server: object, sockets: list[socket.socket]) -> None:
        heard.extend(f"http://{each.getsockname()[0]}:{each.getsockname()[1]}/" for each in sockets)
        for _ in range(600):
            if was_opened:
                return
            time.sleep(0.1)

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr(webbrowser, "open", was_opened.append)
    threads = torch.get_num_threads()
    lab(port=0, open_=True, at="#depth=50&skip=0")
    torch.set_num_threads(threads)
    (address,) = heard
    assert address.startswith("http://127.0.0.1:")
    assert was_opened == [f"{address}#depth=50&skip=0"]
    assert capsys.readouterr().out == f"{address}#depth=50&skip=0\n"
    assert "host" not in inspect.signature(lab).parameters


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
