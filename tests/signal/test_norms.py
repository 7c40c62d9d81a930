"""Norms of signal and gradient at the sites, against nets whose norms are known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from skipline.init import build, scaled_identity, scheme_named
from skipline.nn import ResidualNet
from skipline.signal import Norms, norms_at
from skipline.spec import Activation, Block, Branch, Head, Network, Norm, NoShortcut, PadShortcut, Stage, Stem, unfold
from skipline.spec.block import Shortcut


def linear_net(shortcut: Shortcut, alpha: float) -> ResidualNet:
    """Three blocks of two layers αI, one channel, no norm, no activation."""
    stages = (Stage(3, 1, 1, block=Block(Branch(), shortcut)),)
    network = Network("linear", 1, Stem((1,)), stages, Head(1), Norm("none"), Activation("identity"))
    return build(network, scheme=scaled_identity(alpha))


def site_norms(net: ResidualNet, images: Tensor, *, objective: Callable[[Tensor], Tensor]) -> dict[str, Norms]:
    """The norms at every site, and of the images."""
    return norms_at(net, images, names=unfold(net.network).sites, objective=objective)


def test_a_plain_linear_net_has_powers_of_alpha() -> None:
    """Signal α, α³, α⁵, α⁷ behind stem and blocks; gradient of the logit the powers that are still to come."""
    norms = site_norms(linear_net(NoShortcut(), 0.5), torch.ones(1, 1, 4, 4), objective=torch.sum)
    outs = ["stem", "stage1.block1.out", "stage1.block2.out", "stage1.block3.out"]
    # sixteen equal pixels have four times the norm of one, and the mean over them gives each 1/16 of the gradient
    assert [norms[out].signal for out in outs] == pytest.approx([4 * 0.5**power for power in (1, 3, 5, 7)])
    assert [norms[out].gradient for out in outs] == pytest.approx([0.25 * 0.5**power for power in (7, 5, 3, 1)])
    assert norms["images"].signal == pytest.approx(4.0)
    assert norms["images"].gradient == pytest.approx(0.25 * 0.5**8)
    assert norms["head"].signal == pytest.approx(0.5**8)
    assert norms["head"].gradient == pytest.approx(1.0)


def test_a_residual_linear_net_has_powers_of_one_plus_alpha_squared() -> None:
    norms = site_norms(linear_net(PadShortcut(), 0.5), torch.ones(1, 1, 4, 4), objective=torch.sum)
    sums = [f"stage1.block{number}.sum" for number in (1, 2, 3)]
    assert [norms[site].signal for site in sums] == pytest.approx([2 * 1.25**power for power in (1, 2, 3)])
    assert [norms[site].gradient for site in sums] == pytest.approx([0.125 * 1.25**power for power in (2, 1, 0)])


def test_an_identity_shortcut_has_the_gradient_of_the_sum_and_not_of_the_blocks_input() -> None:
    norms = site_norms(linear_net(PadShortcut(), 0.5), torch.ones(1, 1, 4, 4), objective=torch.sum)
    assert norms["stage1.block2.shortcut"].gradient == pytest.approx(norms["stage1.block2.sum"].gradient)
    assert norms["stage1.block1.out"].gradient == pytest.approx(1.25 * norms["stage1.block2.sum"].gradient)


@pytest.mark.parametrize("alpha", [1e-3, 1e3])
def test_norms_are_summed_where_their_squares_leave_fp32(alpha: float) -> None:
    """α^7 is 1e±21, its square 1e±42: beyond fp32."""
    norms = site_norms(linear_net(NoShortcut(), alpha), torch.ones(1, 1, 4, 4), objective=torch.sum)
    assert norms["stage1.block3.out"].signal == pytest.approx(4 * alpha**7, rel=1e-5)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_every_site_is_there_in_order_and_the_net_is_left_as_it_was(mode: str) -> None:
    network = Network("net", 3, Stem((8,)), (Stage(1, 8, 8), Stage(2, 16, 16, stride=2)), Head(5))
    net = build(network, scheme=scheme_named("orthogonal")).train(mode == "train")
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    images = torch.empty(4, 3, 8, 8).normal_(generator=torch.Generator().manual_seed(1))
    norms = site_norms(net, images, objective=lambda logits: logits.square().sum())
    assert tuple(norms) == ("images", *unfold(network).sites)
    assert all(norm.signal > 0 and norm.gradient > 0 for norm in norms.values())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not images.requires_grad


def test_the_order_is_that_of_the_names_and_a_step_is_a_place_too() -> None:
    net = linear_net(NoShortcut(), 0.5)
    names = ["head", "stage1.block1.branch.conv1", "stem"]
    norms = norms_at(net, torch.ones(1, 1, 4, 4), names=names, objective=torch.sum)
    assert list(norms) == ["images", *names]
    assert norms["stage1.block1.branch.conv1"].signal == pytest.approx(4 * 0.5**2)


def test_an_unknown_place_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the network has no place 'stage1\.block1\.sum'\."):
        norms_at(
            linear_net(NoShortcut(), 0.5), torch.ones(1, 1, 4, 4), names=["stage1.block1.sum"], objective=torch.sum
        )
