"""Norms that x passes on its way: neutral by the statistics of images, equal to 1e-5."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from skipline.grow import deepened_on, deeper
from skipline.grow.neutral import Moments, make_neutral, moments_behind
from skipline.nn import ResidualNet
from skipline.spec import Block, Branch, Head, Network, NoShortcut, ProjectionShortcut, Stage, Stem
from skipline.zoo import describe

from .nets import images, small, trained

PLAIN = Block(shortcut=NoShortcut())
WIDE_INSIDE = Network("wide", 3, Stem((4,)), (Stage(1, 4, 6, block=PLAIN), Stage(2, 8, 8, 2, block=PLAIN)), Head(5))

NETWORKS: dict[str, tuple[Network, int]] = {
    "plain": (describe("cifar_plain8"), 20),
    "plain, far": (describe("digits_plain8", in_channels=3), 56),
    "plain, more channels inside": (WIDE_INSIDE, 16),
    "plain, groups": (small(block=Block(Branch(groups=2), NoShortcut())), 16),
    "plain, norm_after_add": (small(block=Block(shortcut=NoShortcut(), order="norm_after_add")), 12),
    "option C": (describe("cifar_resnet8_c"), 20),
    "option C, act_only_pre": (
        small(block=Block(shortcut=ProjectionShortcut(when="always"), order="act_only_pre")),
        12,
    ),
    "norm behind the addition": (describe("cifar_resnet8_bn_after_addition"), 20),
}


def outputs(net: ResidualNet, x: Tensor, *, train: bool) -> Tensor:
    with torch.no_grad():
        return copy.deepcopy(net).train(train)(x)


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_function_is_the_same_to_rounding(kind: str) -> None:
    network, depth = NETWORKS[kind]
    net, seen, unseen = trained(network), images(32), images(16, seed=9)
    new = deepened_on(net, deeper(network, depth), images=seen, seed=0)
    for x, train in ((seen, True), (seen, False), (unseen, False)):
        expected = outputs(net, x, train=train)
        assert (outputs(new, x, train=train) - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_images_that_were_not_seen_are_another_matter_in_training_mode() -> None:
    """The new norms bring every batch to the statistics of the one that they were set by."""
    net = trained(describe("cifar_plain8"))
    new = deepened_on(net, deeper(net.network, 20), images=images(32), seed=0)
    unseen = 2 * images(32, seed=9) + 1
    expected = outputs(net, unseen, train=True)
    assert (outputs(new, unseen, train=True) - expected).abs().max() > 1e-3 * expected.abs().max()


def test_every_weight_of_a_new_plain_block_learns() -> None:
    net = trained(small(block=PLAIN))
    new = deepened_on(net, deeper(net.network, 12), images=images(16), seed=0).train()
    new(images(16)).square().sum().backward()
    for name, parameter in new.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0, name


def test_moments_are_those_of_the_batch_in_training_mode() -> None:
    net = trained(small()).eval()
    buffers = [buffer.clone() for buffer in net.buffers()]
    x = images(4)
    moments = moments_behind(net, ["stage1.block1"], x, seed=0)["stage1.block1"]
    with torch.no_grad():
        own = copy.deepcopy(net).train()
        passing = own.get_submodule("stage1")(own.stem(x)).transpose(0, 1).flatten(1).double()
    torch.testing.assert_close(moments.mean, passing.mean(dim=1))
    torch.testing.assert_close(moments.variance, (passing - passing.mean(dim=1, keepdim=True)).square().mean(dim=1))
    assert all(torch.equal(one, other) for one, other in zip(buffers, net.buffers(), strict=True))
    assert not net.training


def test_a_channel_in_which_nothing_passes_lets_through_what_may_come() -> None:
    norm = nn.BatchNorm2d(3)
    two = torch.tensor([0.0, 2.0], dtype=torch.float64)
    make_neutral(norm, Moments(mean=two, variance=two))
    x = images(5)
    torch.testing.assert_close(norm.eval()(x), x, rtol=1e-5, atol=1e-5)
    assert norm.weight[0].item() == pytest.approx(1e-5**0.5)
