"""Nets with blocks left out or exchanged, against the same written out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from skipline.init import build
from skipline.nn import ResidualNet
from skipline.signal import SignalError, errors_without_each, lesioned, xray
from skipline.spec import NoShortcut
from skipline.spec.network import StochasticDepth
from skipline.zoo import describe

IMAGES = torch.empty(4, 3, 16, 16).normal_(generator=torch.Generator().manual_seed(0))


def plain() -> ResidualNet:
    network = describe("cifar_resnet20")
    stages = tuple(replace(stage, block=replace(stage.block, shortcut=NoShortcut())) for stage in network.stages)
    return build(replace(network, stages=stages)).eval()


def by_hand(net: ResidualNet, order: list[str], bypassed: set[str]) -> Tensor:
    """The blocks in `order`, those of `bypassed` as relu(x): the shortcut, and what follows the addition."""
    x = net.get_submodule("stem")(IMAGES)
    for name in order:
        x = torch.relu(x) if name in bypassed else net.get_submodule(name)(x)
    return net.get_submodule("head")(x)


def order_of(net: ResidualNet) -> list[str]:
    return [f"stage{stage}.block{block}" for stage in (1, 2, 3) for block in (1, 2, 3)]


def test_blocks_are_left_out_and_exchanged_as_by_hand_and_the_net_stays() -> None:
    net = build(describe("cifar_resnet20"), seed=1).eval()
    whole, paths = net(IMAGES), [name for name, _ in net.named_modules()]
    dropped = lesioned(net, drop=["stage1.block2", -1])
    assert torch.equal(dropped(IMAGES), by_hand(net, order_of(net), {"stage1.block2", "stage3.block3"}))
    order = order_of(net)
    order[1], order[2], order[7], order[8] = order[2], order[1], order[8], order[7]
    swapped = lesioned(net, swap=[("stage1.block2", "stage1.block3"), (7, 8)])
    assert torch.equal(swapped(IMAGES), by_hand(net, order, set()))
    assert not torch.equal(swapped(IMAGES), whole)
    assert torch.equal(lesioned(swapped, swap=[(2, 1), (7, 8)])(IMAGES), whole)
    assert torch.equal(net(IMAGES), whole)
    assert [name for name, _ in net.named_modules()] == paths


@pytest.mark.parametrize("name", ["cifar_resnet110_shortcut_only_gating", "cifar_resnet110_exclusive_gating"])
def test_a_gated_block_keeps_its_gate(name: str) -> None:
    net = build(describe(name)).eval()
    block = net.get_submodule("stage1.block2")
    x = torch.relu(IMAGES.mean(1, keepdim=True).expand(-1, 16, -1, -1))
    found = lesioned(net, drop=["stage1.block2"]).get_submodule("stage1.block2")(x)
    assert torch.allclose(found, torch.relu(torch.sigmoid(-block.gate(x)) * x), atol=1e-6)  # pyright: ignore


def test_a_branch_with_stochastic_depth_is_left_out() -> None:
    net = build(replace(describe("cifar_resnet20"), stochastic_depth=StochasticDepth(0.5))).eval()
    assert torch.equal(lesioned(net, drop=[4])(IMAGES), by_hand(net, order_of(net), {"stage2.block2"}))


def test_a_branch_that_starts_at_zero_is_not_missed_and_a_plain_block_is() -> None:
    net = build(describe("cifar_resnet20")).eval()
    with torch.no_grad():
        net.get_parameter("stage2.block2.branch.norm2.weight").zero_()
    labels = net(IMAGES).argmax(1)
    errors = errors_without_each(net.train(), IMAGES, labels)
    assert list(errors) == ["", *order_of(net)]
    assert errors[""] == errors["stage2.block2"] == 0
    assert net.training
    assert max(errors.values()) > 0


def test_a_plain_block_becomes_the_identity_where_that_is_possible() -> None:
    net = plain()
    x = net.get_submodule("stem")(IMAGES)
    for name in order_of(net):
        x = x if name == "stage2.block3" else net.get_submodule(name)(x)
    assert torch.equal(lesioned(net, drop=["stage2.block3"])(IMAGES), net.get_submodule("head")(x))
    with pytest.raises(SignalError, match=r"stage2\.block1 is a plain block that changes the shape.*not begin a stage"):
        lesioned(net, drop=["stage2.block1"])
    assert "stage2.block1" not in errors_without_each(net, IMAGES, torch.zeros(4, dtype=torch.long))


def test_blocks_that_do_not_fit_are_refused() -> None:
    net = build(describe("cifar_resnet20"))
    message = r"stage1\.block2 \(16 → 16 channels\) and stage2\.block1 \(16 → 32 channels, strided\) cannot take"
    with pytest.raises(SignalError, match=message):
        lesioned(net, swap=[(1, 3)])
    with pytest.raises(SignalError, match=r"'stem' is no block; expected one of stage1\.block1"):
        lesioned(net, drop=["stem"])


def test_a_lesioned_net_is_x_rayed_where_it_still_has_sites() -> None:
    net = build(describe("cifar_resnet20"))
    sites = xray(lesioned(net, drop=["stage2.block2"]), IMAGES).sites
    assert "stage2.block2.branch" not in sites
    assert sites["stage2.block2.sum"].second_moment == pytest.approx(sites["stage2.block1.out"].second_moment)


def test_coupled_halves_change_places_without_the_branch() -> None:
    net = build(describe("cifar_revnet_basic26")).eval()
    x = torch.randn(2, 32, 8, 8, generator=torch.Generator().manual_seed(0))
    found = lesioned(net, drop=["stage1.block2"]).get_submodule("stage1.block2")(x)
    assert torch.equal(found, torch.cat((x[:, 16:], x[:, :16]), dim=1))
