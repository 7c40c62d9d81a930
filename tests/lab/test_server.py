"""The server answers this machine's own page and nobody else, and no request can ask for too much."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from .visit import PATIENCE

WAIT = PATIENCE / 1000  # seconds
client = pytest.importorskip("websockets.sync.client", reason="websockets is not installed", exc_type=ImportError)
exceptions = pytest.importorskip("websockets.exceptions", reason="websockets is not installed", exc_type=ImportError)


def got(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, {key.lower(): value for key, value in answer.getheaders()}, text


@pytest.fixture
def opened(port: int) -> Callable[..., Any]:
    def connect(origin: str | None = f"http://127.0.0.1:{port}", **more: Any) -> Any:
        return client.connect(f"ws://127.0.0.1:{port}/socket", origin=origin, open_timeout=WAIT, proxy=None, **more)

    return connect


def answers(line: Any) -> list[dict[str, Any]]:
    """The frames up to the last one of an answer."""
    frames = []
    while True:
        frames.append(json.loads(line.recv(timeout=WAIT)))
        if frames[-1]["part"] in ("done", "error"):
            return frames


def test_the_page_is_served_with_its_policy(port: int) -> None:
    status, headers, text = got(port, "/")
    assert status == 200
    assert "skipline" in text
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/../setup.py", "/%2e%2e/setup.py", "/nothing.js", "/files/main.js", "/docs"])
def test_nothing_else_is_served(port: int, path: str) -> None:
    assert got(port, path)[0] == 404


def test_another_host_is_refused(port: int) -> None:
    assert got(port, "/", Host="evil.example")[0] == 400
    assert got(port, "/", Host=f"localhost:{port}")[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None])
def test_another_origin_is_refused(opened: Callable[..., Any], origin: str | None) -> None:
    with pytest.raises(exceptions.InvalidStatus, match="403"):
        opened(origin=origin)


def test_a_socket_for_another_host_is_refused(port: int) -> None:
    """As when a name of somebody else's is made to point at this machine."""
    address, origin = f"ws://evil.example:{port}/socket", f"http://evil.example:{port}"
    with socket.create_connection(("127.0.0.1", port)) as line, pytest.raises(exceptions.InvalidStatus, match="403"):
        client.connect(address, sock=line, origin=origin, open_timeout=WAIT, proxy=None)


def test_at_most_twenty_frames_a_second(opened: Callable[..., Any]) -> None:
    setup = {"depth": 8, "width": 2}
    with opened() as line:
        line.send(json.dumps({"id": 1, "kind": "race", "a": setup, "b": setup, "data": "clouds", "batch": 2}))
        answers(line)
        began = time.monotonic()
        line.send(json.dumps({"id": 2, "kind": "advance", "steps": 15}))
        frames = answers(line)
        seconds = time.monotonic() - began
    assert len([frame for frame in frames if frame["part"] != "working"]) == 16
    assert seconds >= 14 / 20, "from the first frame to the fifteenth"


def test_a_question_is_answered_and_infinity_travels_as_a_word(opened: Callable[..., Any]) -> None:
    with opened() as line:
        line.send(json.dumps({"id": 5, "kind": "signals", "setup": {"depth": 8, "width": 4}}))
        frames = answers(line)
    assert {frame["id"] for frame in frames} == {5}
    parts = {frame["part"]: frame for frame in frames}
    passing = {"measuring", "working"}  # only where the machine is slow
    assert [part for part in parts if part not in passing] == [
        "predicted", "measured", "depth", "fan", "jacobian", "done",
    ]  # fmt: skip
    assert parts["depth"]["greatest_depth"] == "Infinity"


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"kind": "signals", "setup": {"depth": 1e999}}', "[" * 5000])
def test_what_is_not_understood_is_said(opened: Callable[..., Any], text: str) -> None:
    with opened() as line:
        line.send(text)
        assert answers(line)[-1]["part"] == "error"


def test_a_long_message_ends_the_connection(opened: Callable[..., Any]) -> None:
    with opened() as line:
        line.send("x" * 20_000)
        with pytest.raises(exceptions.ConnectionClosed):
            line.recv(timeout=WAIT)


def test_the_latest_question_wins(opened: Callable[..., Any]) -> None:
    with opened() as line:
        for number in range(10):
            line.send(json.dumps({"id": number, "kind": "signals", "setup": {"depth": 20 + number, "width": 4}}))
        frames = []
        while not frames or (frames[-1]["id"], frames[-1]["part"]) != (9, "done"):
            frames.append(json.loads(line.recv(timeout=WAIT)))
    assert [frame["id"] for frame in frames if frame["part"] == "done"] == [9]
    assert [frame["id"] for frame in frames] == sorted(frame["id"] for frame in frames)
    assert [frame["depth"] for frame in frames if frame["part"] == "predicted"][-1] == 29


def test_twenty_pages_at_once_are_all_answered(opened: Callable[..., Any]) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(opened()) for _ in range(20)]
        for move in range(3):
            for number, line in enumerate(sockets):
                setup = {"depth": 8 + number + move, "width": 2, "batch": 2}
                line.send(json.dumps({"id": move, "kind": "blocks", "setup": setup}))
        for number, line in enumerate(sockets):
            frames = [{"id": -1, "part": "", "depth": 0}]
            while (frames[-1]["id"], frames[-1]["part"]) != (2, "done"):
                frames.append(json.loads(line.recv(timeout=WAIT)))
            assert frames[-2]["depth"] == 10 + number


def test_there_is_a_limit_to_pages(opened: Callable[..., Any]) -> None:
    with ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(opened())
        one_more = stack.enter_context(opened())
        with pytest.raises(exceptions.ConnectionClosed, match="pages are open already"):
            one_more.recv(timeout=WAIT)
