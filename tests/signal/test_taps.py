"""Taps read every named place, and come off whatever happens."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from skipline.init import build
from skipline.signal import tapped
from skipline.spec import unfold
from skipline.zoo import describe

IMAGES = torch.ones(2, 3, 16, 16)


def num_hooks(net: torch.nn.Module) -> int:
    """How many forward hooks are on the net."""
    return sum(len(module._forward_hooks) for module in net.modules())


def test_every_site_is_read_once_in_the_order_of_the_plan() -> None:
    net = build(describe("cifar_resnet20"))
    sites = unfold(net.network).sites
    seen: list[str] = []
    with tapped(net, sites, lambda name, _output: seen.append(name)):
        net(IMAGES)
    inside = {name: position for position, name in enumerate(seen)}
    assert sorted(seen) == sorted(sites)
    assert inside["stem"] < inside["stage1.block1.branch"] < inside["stage1.block1.sum"] < inside["stage1.block1.out"]
    assert inside["stage3.block3.out"] < inside["head"] == len(seen) - 1


def test_what_is_read_is_what_passes() -> None:
    net = build(describe("cifar_resnet20")).eval()
    read: dict[str, Tensor] = {}
    with tapped(net, ["stage1.block2.branch", "stage1.block2.shortcut", "stage1.block2.sum"], read.__setitem__):
        net(IMAGES)
    expected = read["stage1.block2.branch"] + read["stage1.block2.shortcut"]
    assert torch.equal(read["stage1.block2.sum"], expected)


def test_a_reader_may_put_a_tensor_in_the_outputs_place() -> None:
    net = build(describe("cifar_resnet20")).eval()
    with tapped(net, ["head"], lambda _name, output: torch.zeros_like(output)):
        assert not net(IMAGES).any()
    assert net(IMAGES).any()


def test_taps_come_off_after_the_block_and_after_a_failure() -> None:
    net = build(describe("cifar_resnet20"))
    with tapped(net, unfold(net.network).sites, lambda _name, _output: None):
        assert num_hooks(net) == len(unfold(net.network).sites)
    assert num_hooks(net) == 0

    def fail(_name: str, _output: Tensor) -> None:
        raise KeyError("reader")

    with pytest.raises(KeyError, match="reader"), tapped(net, ["stem"], fail):
        net(IMAGES)
    assert num_hooks(net) == 0


def test_an_unknown_place_is_answered_with_the_closest() -> None:
    net = build(describe("cifar_resnet20"))
    message = r"no place 'stage1\.block2\.summ'\. Did you mean 'stage1\.block2\.sum'\?"
    with pytest.raises(ValueError, match=message), tapped(net, ["stage1.block2.summ"], lambda _name, _output: None):
        pass
    assert num_hooks(net) == 0
