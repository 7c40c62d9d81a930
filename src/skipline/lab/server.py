"""The server: one page, its files, and one socket a page over which it asks and is answered. Loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from skipline.files import dump_json_line
from skipline.lab.desk import Desk
from skipline.lab.error import Superseded
from skipline.lab.pages import FILES, replay_shell

HOST = "127.0.0.1"
MOST_CONNECTIONS = 32
MOST_MESSAGE = 16 * 1024  # bytes: a set-up has some hundred
FRAME_SECONDS = 1 / 20  # from one frame to the next
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TOO_MANY, _FORBIDDEN, _NOT_TEXT = 1013, 1008, 1003  # RFC 6455, 7.4
_LOG = logging.getLogger("skipline.lab")


@dataclass(slots=True, eq=False)
class Connection:
    """One page: what it asked last, and its desk. `newest` counts requests; whoever works for an older one stops."""

    desk: Desk = field(default_factory=Desk)
    request: Any = None
    newest: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, request: Any) -> None:
        """Put a request in place of whatever was asked before."""
        self.request = request
        self.newest += 1
        self.arrived.set()


def make_app(port: int) -> FastAPI:
    """The application for a server at `port`, which is what requests must be for and come from."""
    hosts = frozenset(f"{name}:{port}" for name in (HOST, "localhost"))
    origins = frozenset(f"http://{host}" for host in hosts)
    # One worker: requests are answered one frame at a time, whoever's turn it is, and two cores are enough.
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lab")
    connections: set[Connection] = set()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        for each in list(connections):
            each.newest += 1
        pool.shutdown(wait=False, cancel_futures=True)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    async def page(request: Request) -> Response:
        if request.headers.get("host", "") not in hosts:
            return _answer(f"this is the lab of {HOST}:{port} and of nothing else.", "text/plain", status=400)
        return _file(request.url.path.removeprefix("/") or "index.html")

    async def socket(websocket: WebSocket) -> None:
        headers = websocket.headers
        if headers.get("host", "") not in hosts or headers.get("origin", "") not in origins:
            await websocket.close(_FORBIDDEN)
            return
        if len(connections) >= MOST_CONNECTIONS:
            await websocket.accept()
            await websocket.close(_TOO_MANY, f"{MOST_CONNECTIONS} pages are open already; close one")
            return
        connection = Connection()
        connections.add(connection)
        try:
            await websocket.accept()
            await _talk(websocket, connection, pool)
        finally:
            connections.discard(connection)
            connection.newest += 1

    app.add_route("/{name:path}", page, methods=["GET"])
    app.router.add_websocket_route("/socket", socket)
    return app


def _file(name: str) -> Response:
    """One of the page's files, and never anything else: names are looked up, not opened."""
    if name == "replay.html":
        return _answer(replay_shell(), "text/html")
    if name not in FILES:
        return _answer("there is no such file.", "text/plain", status=404)
    return _answer((files("skipline.lab") / "files" / name).read_text(encoding="utf-8"), FILES[name])


def _answer(text: str, kind: str, *, status: int = 200) -> Response:
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return Response(text, status_code=status, media_type=kind, headers=headers)


async def _talk(websocket: WebSocket, connection: Connection, pool: ThreadPoolExecutor) -> None:
    """Listen and answer until the page is gone."""
    answering = asyncio.create_task(_answer_all(websocket, connection, pool))
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None or len(text) > MOST_MESSAGE:
                await websocket.close(_NOT_TEXT)
                return
            try:
                connection.ask(json.loads(text))
            except (ValueError, RecursionError):
                connection.ask({"kind": "not JSON"})
    finally:
        connection.newest += 1
        answering.cancel()
        with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
            await answering


async def _answer_all(websocket: WebSocket, connection: Connection, pool: ThreadPoolExecutor) -> None:
    loop = asyncio.get_running_loop()
    sent = 0.0
    while True:
        await connection.arrived.wait()
        connection.arrived.clear()
        number = connection.newest
        frames = _frames(connection, number, connection.request)
        while True:
            text = await loop.run_in_executor(pool, next, frames, None)
            if text is None or connection.newest != number:
                break
            await asyncio.sleep(max(0.0, sent + FRAME_SECONDS - time.monotonic()))
            await websocket.send_text(text)
            sent = time.monotonic()
        await loop.run_in_executor(pool, frames.close)


def _frames(connection: Connection, number: int, request: Any) -> Generator[str, None, None]:
    """The answer to `request`, each frame as JSON, as long as no newer one has come."""

    def between() -> None:
        if connection.newest != number:
            raise Superseded

    name = request.get("id", 0) if isinstance(request, dict) else 0
    name = name if isinstance(name, int) else 0
    try:
        for frame in connection.desk.answer(request, between=between):
            yield dump_json_line({"id": name, **frame})
        yield dump_json_line({"id": name, "part": "done"})
    except Superseded:
        return
    except ValueError as error:  # whatever a person can do something about
        yield dump_json_line({"id": name, "part": "error", "says": str(error)})
    except MemoryError:
        yield dump_json_line({"id": name, "part": "error", "says": "there is not enough memory for this network."})
    except Exception as error:
        _LOG.exception("a request failed")
        says = f"internal error: {type(error).__name__}: {error}. This is a fault in skipline; the terminal has more."
        yield dump_json_line({"id": name, "part": "error", "says": says})
