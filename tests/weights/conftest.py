"""Nets and files of weights that several tests here use."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from skipline.init import build
from skipline.nn import ResidualNet
from skipline.spec import Network

_BENCHMARKS = Path(__file__).parents[2] / "benchmarks"  # parity.py and peers.py serve the generated page too


@pytest.fixture(scope="session")
def trained() -> Callable[[Network], ResidualNet]:
    """`trained(network)`: a net with every tensor away from where an initialiser leaves it."""

    def make(network: Network) -> ResidualNet:
        net = build(network, seed=3)
        generator = torch.Generator().manual_seed(4)
        with torch.no_grad():
            for tensor in net.state_dict().values():
                tensor.add_(torch.rand(tensor.shape, generator=generator))
        return net

    return make


def tensors_of(net: ResidualNet) -> dict[str, Tensor]:
    """Copies of all tensors of a net."""
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


@pytest.fixture(scope="session")
def unchanged() -> Callable[[ResidualNet], Callable[[], bool]]:
    """`unchanged(net)` notes the tensors of a net; what it returns says whether they are still the same."""

    def note(net: ResidualNet) -> Callable[[], bool]:
        before = tensors_of(net)
        return lambda: all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())

    return note


@pytest.fixture(scope="session")
def pretrained() -> Path:
    """The folder with akamaster's four files: in SKIPLINE_TEST_DATA, or in ../shared/data beside the checkout."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("SKIPLINE_TEST_DATA", beside)) / "pretrained-cifar"
    if not folder.is_dir():
        pytest.skip(f"no trained networks: {folder} is not there; set SKIPLINE_TEST_DATA to a folder that has it")
    return folder


@pytest.fixture(scope="session")
def parity() -> ModuleType:
    """`benchmarks/parity.py`."""
    for name in ("peers", "parity"):
        if name not in sys.modules:
            specification = importlib.util.spec_from_file_location(name, _BENCHMARKS / f"{name}.py")
            assert specification is not None
            assert specification.loader is not None
            sys.modules[name] = importlib.util.module_from_spec(specification)
            specification.loader.exec_module(sys.modules[name])
    return sys.modules["parity"]
