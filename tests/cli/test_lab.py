"""`skipline lab` says what keeps it from starting."""

from __future__ import annotations

import socket
import sys

import pytest

from skipline.cli.exits import UsageError, exit_code
from skipline.cli.lab import lab
from skipline.report.error import ExtraMissing


def test_a_port_that_is_taken_is_said() -> None:
    pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'skipline[serve]'")
    pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install 'skipline[serve]'")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} cannot be had .* skipline lab --port 0"):
            lab(port=port, open_=False, at="")


def test_the_missing_extra_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'skipline\[serve\]'") as caught:
        lab(port=0, open_=False, at="")
    assert exit_code(caught.value) == 5
