"""A lab that runs for the tests: in this process, at a port of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .visit import CHROMIUM, NO_CHROMIUM, PATIENCE, Visit


@contextmanager
def serving(port: int) -> Iterator[int]:
    """A lab at `port` (0: any that is free), for as long as the block lasts."""
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install 'skipline[serve]'")
    pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'skipline[serve]'")
    pytest.importorskip("websockets", reason="websockets is not installed: pip install 'skipline[serve]'")
    from skipline.cli.lab import configured
    from skipline.lab.server import HOST

    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, port))
    port = listening.getsockname()[1]
    server = uvicorn.Server(configured(port))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + PATIENCE / 1000
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.started, "the lab does not start"
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(timeout=PATIENCE / 1000)
        listening.close()


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    """The port of a running lab."""
    with serving(0) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's chromium, driven by playwright."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright", exc_type=ImportError
    )
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any, port: int) -> Iterator[Visit]:
    """A visit with a laptop, without trouble."""
    made = Visit(browser, port)
    yield made
    made.end()
