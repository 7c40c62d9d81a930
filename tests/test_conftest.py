"""What tests/conftest.py promises, held."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest
import torch


def test_one_thread_here_and_in_every_process_that_a_test_starts() -> None:
    code = "import torch; print(torch.get_num_threads())"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    assert torch.get_num_threads() == 1
    assert printed.strip() == "1"


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.invalid"])
def test_the_network_is_refused(host: str) -> None:
    with pytest.raises(PermissionError, match=r"a test reached for .*; tests stay on this machine"):
        socket.create_connection((host, 80), timeout=0.1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_not(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection((host, server.getsockname()[1]), timeout=5).close()
