"""The moving average of weights."""

from __future__ import annotations

import torch

from skipline.init import build
from skipline.spec import Network
from skipline.train.average import average_of


def set_all(net: torch.nn.Module, value: float) -> None:
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            tensor.fill_(value)


def test_it_is_the_weighted_mean_of_what_it_saw(network: Network) -> None:
    """Weights 1, 2, 4 behind three steps with d = 1/2 count 1/4, 1/2, 1: (1/4 + 1 + 4) / (7/4) = 3."""
    net = build(network)
    average = average_of(net)
    for step, value in enumerate((1.0, 2.0, 4.0)):
        set_all(net, value)
        average.update(decay=0.5, step=step)
    tensors = average.net.state_dict()
    assert tensors.keys() == net.state_dict().keys()
    assert "stage1.block1.branch.norm1.running_mean" in tensors
    for name, tensor in tensors.items():
        torch.testing.assert_close(tensor, torch.full_like(tensor, 3.0), msg=name)


def test_the_start_counts_for_nothing(network: Network) -> None:
    net = build(network)
    average = average_of(net)
    set_all(net, 5.0)
    average.update(decay=0.999, step=0)
    assert all((tensor == 5.0).all() for tensor in average.net.state_dict().values())


def test_it_has_memory_of_its_own_in_the_same_layout_and_no_gradients(network: Network) -> None:
    net = build(network).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's stubs
    average = average_of(net)
    for own, followed in zip(average.averages, average.followed, strict=True):
        assert own.data_ptr() != followed.data_ptr()
        assert own.stride() == followed.stride()
        assert not own.requires_grad
    assert all(parameter.requires_grad for parameter in net.parameters())
