"""What holds for every test: one thread, no network, and the same examples each time."""

from __future__ import annotations

import gc
import ipaddress
import os
import shutil
import signal
import sys
import tempfile
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from skipline.kernels import Kernels

# Read by torch when it is first imported, here and in every process that a test starts. One: a busy core slows two
# threads that wait for each other several times over, and a fixed count makes sums come out in the same order.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

# Compiled kernels and the like: the tests' own, so that what earlier runs left in a person's cache decides nothing. The
# processes that share the tests out have one together: xdist starts them behind this line, with its environment.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _cache = tempfile.TemporaryDirectory(prefix="skipline-tests-")
    os.environ["XDG_CACHE_HOME"] = _cache.name

# A shell starts what runs in the background deaf to Ctrl-C, and that is handed down. Tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: a busy core is not a failure. Derandomised: what passed here passes there.
hypothesis.settings.register_profile("skipline", deadline=None, derandomize=True)
hypothesis.settings.load_profile("skipline")


def pytest_collection_finish() -> None:
    """Take the collected tests and the imported modules out of what the collector of cycles looks through each time.

    They stay to the end. Looking through them took 5 % of the time of the suite (PyTorch's modules hold cycles, so it
    is done often).
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def kernels() -> Kernels:
    """The compiled kernels, once for all tests that need them."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler (cc)")
    from skipline.kernels import load_kernels  # not above: the variables are set before torch is imported

    return load_kernels("cpu")


def _refuse_the_network(event: str, arguments: tuple[object, ...]) -> None:
    """Raise where this process is about to reach beyond the machine: there is no telemetry, and no test downloads."""
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else "localhost"  # a string is a socket in the file system
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host in (None, "", "localhost", b"localhost"):
        return
    try:
        local = ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        local = False
    if not local:
        raise PermissionError(f"a test reached for {host!r}; tests stay on this machine")


sys.addaudithook(_refuse_the_network)
