"""Devices by name, and a process that computes the same bits each time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from skipline.cli.exits import UsageError
from skipline.cli.given.device import be_deterministic, device_of


@pytest.fixture
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The settings of this process, put back afterwards."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    benchmark = torch.backends.cudnn.benchmark
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = benchmark


def test_deterministic_is_all_three_settings(as_before: None) -> None:
    assert not torch.are_deterministic_algorithms_enabled()
    torch.backends.cudnn.benchmark = True
    be_deterministic()
    assert torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert torch.backends.cudnn.benchmark is False


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_told_by_whom() -> None:
    assert device_of("auto") == torch.device("cpu")
    with pytest.raises(UsageError, match=r"^--device is 'cuda', but .* sees no CUDA device\. Use --device cpu\."):
        device_of("cuda")
    with pytest.raises(UsageError, match=r"^the run's device is 'cuda:1', but"):
        device_of("cuda:1", said_by="the run's device")
