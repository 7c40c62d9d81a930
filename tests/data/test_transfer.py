"""Transfers to the device that trains."""

from __future__ import annotations

import pytest
import torch

from skipline.data.transfer import send


def test_what_stays_is_not_copied() -> None:
    tensor = torch.arange(5)
    assert send(tensor, torch.device("cpu")) is tensor


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_has_the_values_though_nobody_waited_and_the_source_is_gone() -> None:
    """Also of many tensors in a row, whose pinned memory is taken again and again."""
    cuda = torch.device("cuda")
    there = [send(torch.full((1000,), number), cuda) for number in range(100)]
    assert all(tensor.device.type == "cuda" for tensor in there)
    assert [tensor.unique().tolist() for tensor in there] == [[number] for number in range(100)]
