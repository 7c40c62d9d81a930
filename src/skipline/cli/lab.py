"""`skipline lab`: the page that shows what depth does, served to this machine alone."""

from __future__ import annotations

import socket
import sys
import threading
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import uvicorn

PORT = 7860


def lab(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes any that is free.")] = PORT,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
    at: Annotated[str, typer.Option(help="Open it there, e.g. 'depth=50&skip=0'.", show_default=False)] = "",
) -> None:
    """Open a page in the browser where you change the depth and see the effect, in class or on your own.

    It is served on 127.0.0.1 only, and computes with the same functions as `skipline diagnose`.
    """
    from skipline.cli.exits import UsageError
    from skipline.extras import ExtraMissing, install_command, versions_of

    absent = [name for name, version in versions_of("serve").items() if version is None]
    if absent:
        raise ExtraMissing(f"the lab needs {' and '.join(absent)}, not installed here: {install_command('serve')}")
    import torch
    import uvicorn

    from skipline.lab.server import HOST

    torch.set_num_threads(1)  # nets this thin gain nothing from a second, and lose much where other programs want it
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            said = f"port {port} is not available ({error.strerror}). Choose another: skipline lab --port 0"
            raise UsageError(said) from None
        port = listening.getsockname()[1]
        address = f"http://{HOST}:{port}/" + (f"#{at.removeprefix('#')}" if at else "")
        print(address, flush=True)
        print("Ctrl-C ends it.", file=sys.stderr)
        if open_:
            threading.Timer(0.5, webbrowser.open, (address,)).start()
        uvicorn.Server(configured(port)).run(sockets=[listening])


def configured(port: int) -> uvicorn.Config:
    """How the server listens at `port`."""
    import uvicorn

    from skipline.lab.server import MOST_MESSAGE, make_app

    return uvicorn.Config(
        make_app(port),
        log_level="warning",
        ws="websockets-sansio",
        ws_max_size=MOST_MESSAGE,
        ws_per_message_deflate=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
