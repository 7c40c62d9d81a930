"""What is frozen stays, bit for bit, whatever is done to the net."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from skipline.init import build
from skipline.nn import freeze, unfreeze
from skipline.signal import features
from skipline.spec import Block, Branch, Head, Merge, Network, Norm, ProjectionShortcut, Stage, Stem
from skipline.zoo import describe

IMAGES = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def tensors(net: nn.Module) -> dict[str, Tensor]:
    """Copies of all weights and statistics."""
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def train_a_step(net: nn.Module) -> None:
    """In training mode: forward, backward, a step with momentum and weight decay over all parameters."""
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    net.train()
    net(IMAGES).square().mean().backward()
    optimiser.step()


def changed(net: nn.Module) -> set[str]:
    """The names of the tensors that a step in training mode changes."""
    before = tensors(net)
    train_a_step(net)
    return {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}


@pytest.mark.parametrize("up_to", ["stem", "stage2", "stage3.block1", "stage3.block1.sum", 5, -1, "head"])
def test_all_below_stays_bit_for_bit_and_all_above_learns(up_to: str | int) -> None:
    net = build(describe("cifar_resnet20"), seed=1)
    everything = set(net.state_dict())
    freeze(net, up_to)
    frozen = {
        "stem": ("stem.",),
        "stage2": ("stem.", "stage1.", "stage2."),
        "stage3.block1": ("stem.", "stage1.", "stage2.", "stage3.block1."),
        "stage3.block1.sum": ("stem.", "stage1.", "stage2.", "stage3.block1."),
        5: ("stem.", "stage1.", "stage2."),
        -1: ("stem.", "stage1.", "stage2.", "stage3."),
        "head": ("",),
    }[up_to]
    if up_to != "head":  # with no parameter left there is no step
        assert changed(net) == {name for name in everything if not name.startswith(frozen)}
    assert {name for name, p in net.named_parameters() if not p.requires_grad} == {
        name for name, _ in net.named_parameters() if name.startswith(frozen)
    }
    before = tensors(net)
    net.train()(IMAGES)  # a forward pass alone moves no frozen statistic either
    assert all(torch.equal(net.state_dict()[name], before[name]) for name in everything if name.startswith(frozen))


def test_the_frozen_part_is_the_same_function_in_both_modes() -> None:
    net = build(describe("cifar_resnet20"), seed=1).train()
    net(IMAGES)  # statistics that are not those of the batch
    freeze(net, "stage2")
    with torch.no_grad():
        training = features(net.train(), IMAGES, ["stage2", "stage3"])
        evaluated = features(net.eval(), IMAGES, ["stage2", "stage3"])
    assert torch.equal(training["stage2"], evaluated["stage2"])
    assert not torch.equal(training["stage3"], evaluated["stage3"])


def test_freezing_and_unfreezing_change_no_output_and_no_name() -> None:
    net = build(describe("cifar_resnet20"), seed=1)
    net.train()(IMAGES)
    untouched = copy.deepcopy(net)
    with torch.no_grad():
        expected = net.eval()(IMAGES)
        freeze(net, "stage3.block2")
        assert torch.equal(net(IMAGES), expected)
        assert list(net.state_dict()) == list(untouched.state_dict())
        unfreeze(net)
        assert torch.equal(net(IMAGES), expected)
    assert [type(module) for module in net.modules()] == [type(module) for module in untouched.modules()]
    assert all(parameter.requires_grad for parameter in net.parameters())
    train_a_step(net)
    train_a_step(untouched)
    assert all(torch.equal(tensor, untouched.state_dict()[name]) for name, tensor in net.state_dict().items())


def test_a_second_call_decides_alone() -> None:
    net = build(describe("cifar_resnet20"))
    freeze(net, "stage3")
    freeze(net, "stem")
    assert {name for name, p in net.named_parameters() if not p.requires_grad} == {
        "stem.conv1.weight",
        "stem.norm1.weight",
        "stem.norm1.bias",
    }
    assert sum(isinstance(module, nn.BatchNorm2d) for module in net.modules()) == 18  # all but the stem's


def test_a_deep_copy_is_frozen_too_and_takes_a_state() -> None:
    net = build(describe("cifar_resnet20"), seed=1)
    freeze(net, "stage2")
    own = copy.deepcopy(net)
    own.load_state_dict(build(describe("cifar_resnet20"), seed=2).state_dict())
    assert all(name.startswith(("stage3", "head")) for name in changed(own))
    fresh = build(describe("cifar_resnet20"), seed=3)
    fresh.load_state_dict(own.state_dict())
    with torch.no_grad():
        assert torch.equal(fresh.eval()(IMAGES), own.eval()(IMAGES))


@pytest.mark.parametrize("order", ["post", "pre", "norm_after_add", "act_before_add", "act_only_pre"])
@pytest.mark.parametrize("part", ["entry", "branch", "branch.conv1", "shortcut", "gate", "sum", "out", ""])
def test_exactly_those_are_frozen_that_have_a_gradient_at_the_place(order: str, part: str) -> None:
    """Held against autograd, which knows nothing of plans."""
    block = Block(Branch(), ProjectionShortcut(), Merge(gate="exclusive"), order)  # pyright: ignore[reportArgumentType]
    stages = (Stage(2, 8, 8, block=block), Stage(2, 16, 16, stride=2, block=block))
    net = build(Network("two", 3, Stem((8,)), stages, Head(5)), seed=1)
    place = f"stage2.block1.{part}".rstrip(".")
    features(net.train(), IMAGES, [place])[place].square().sum().backward()
    reached = {name for name, parameter in net.named_parameters() if parameter.grad is not None}
    freeze(net, place)
    assert {name for name, parameter in net.named_parameters() if not parameter.requires_grad} == reached


def test_norms_without_statistics_are_frozen_as_they_are() -> None:
    network = replace(describe("cifar_resnet20"), norm=Norm("group", groups=4))
    net = build(network, seed=1)
    freeze(net, "stage1")
    assert all(name.startswith(("stage2", "stage3", "head")) for name in changed(net))


def test_a_place_that_is_not_there_leaves_the_net_alone() -> None:
    net = build(describe("cifar_resnet20"))
    freeze(net, "stem")
    with pytest.raises(ValueError, match=r"the network has no place 'stage4'\. Did you mean 'stage"):
        freeze(net, "stage4")
    assert not net.get_parameter("stem.conv1.weight").requires_grad
