"""Stopping by hand: the first signal asks, the second ends."""

from __future__ import annotations

import io
import signal
import sys

import pytest

from skipline.cli.stop_request import StopRequest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_ends(number: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert not stop()
        signal.raise_signal(number)
        assert stop()
        assert "stopping after this step; once more to end at once" in capfd.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_signal_may_come_while_stderr_is_written(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A buffer that is being written cannot be entered again: Python raises RuntimeError for it."""

    class InTheMiddle(io.TextIOBase):
        def write(self, text: str) -> int:
            raise RuntimeError("reentrant call")

    monkeypatch.setattr(sys, "stderr", InTheMiddle())
    with StopRequest() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop()
    assert "stopping after this step" in capfd.readouterr().err
