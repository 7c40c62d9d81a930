"""The peers that parity is held against, where they are installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

_PEERS = Path(__file__).parents[2] / "benchmarks" / "peers.py"  # shared with the benchmarks; not part of the package


@pytest.fixture(scope="session")
def peers() -> ModuleType:
    """`benchmarks/peers.py`."""
    specification = importlib.util.spec_from_file_location("peers", _PEERS)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def timm(peers: ModuleType) -> ModuleType:
    """timm, or a skip that says how to install it."""
    try:
        return peers.import_timm()
    except peers.PeerMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def torchvision(peers: ModuleType) -> ModuleType:
    """torchvision, or a skip that says how to install it."""
    try:
        return peers.import_torchvision()
    except peers.PeerMissingError as error:
        pytest.skip(str(error))
