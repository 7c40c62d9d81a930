"""The proof finds what differs, however little."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from skipline.grow import (
    FunctionChangedError,
    Proof,
    deepened,
    deepened_on,
    deeper,
    plan_deepening,
    prove,
    require_same_function,
)
from skipline.nn import ResidualNet
from skipline.spec import Block, Branch, Head, Network, NoShortcut, StochasticDepth

from .nets import images, small, trained


def proof_of(net: ResidualNet, new: ResidualNet) -> Proof:
    return prove(net, new, plan_deepening(net.network, new.network), images=images(), seed=0)


def grown(network: Network) -> tuple[ResidualNet, ResidualNet]:
    net = trained(network)
    return net, deepened(net, deeper(network, 12), seed=0)


def test_the_same_function_is_proven_and_nothing_moves() -> None:
    net, new = grown(small())
    before = copy.deepcopy(new.state_dict())
    modes = [module.training for module in new.modules()]
    proof = proof_of(net, new)
    assert proof == Proof(6, 0.0, 0.0, 0.0, 0.0)
    assert (proof.is_exact, proof.holds) == (True, True)
    assert all(torch.equal(tensor, before[name]) for name, tensor in new.state_dict().items())
    assert [module.training for module in new.modules()] == modes
    require_same_function(proof, plan_deepening(net.network, new.network))


def test_what_draws_at_random_draws_alike() -> None:
    """Although the blocks have other names, and stochastic depth other rates, in the deeper net."""
    block = Block(Branch(dropout=0.3, drop_block=0.2, drop_block_size=3))
    net, new = grown(small(block=block, stochastic_depth=StochasticDepth(0.5, "sample")))
    assert proof_of(net, new).is_exact
    net, new = grown(small(stochastic_depth=StochasticDepth(0.5)))
    assert proof_of(net, new).is_exact


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        ("stage1.block2.branch.norm2.bias", "eval_difference"),
        ("stage2.block2.branch.conv1.weight", "train_difference"),
        ("stage2.block1.branch.norm1.running_mean", "statistics_difference"),
        ("head.linear.weight", "eval_difference"),
    ],
)
def test_a_small_change_anywhere_is_seen(name: str, difference: str) -> None:
    net, new = grown(small())
    with torch.no_grad():
        if name.endswith("block2.branch.conv1.weight"):
            new.get_parameter(name).mul_(1.001)
        else:
            new.state_dict()[name].add_(1e-6)
    proof = proof_of(net, new)
    assert getattr(proof, difference) > 0
    assert not proof.holds
    with pytest.raises(FunctionChangedError) as failed:
        require_same_function(proof, plan_deepening(net.network, new.network))
    assert "small-12 is not the function that small is: on 6 images" in str(failed.value)
    assert "Nothing was written." in str(failed.value)


def test_what_is_not_finite_does_not_hold() -> None:
    net, new = grown(small())
    with torch.no_grad():
        net.get_parameter("stem.conv1.weight").fill_(math.nan)
    assert not proof_of(net, new).holds


def test_neutral_norms_are_allowed_a_rounding() -> None:
    network = small(block=Block(shortcut=NoShortcut()))
    net = trained(network)
    new = deepened_on(net, deeper(network, 12), images=images(), seed=0)
    proof = proof_of(net, new)
    assert proof.tolerance == 1e-5
    assert proof.holds


def test_heads_take_part() -> None:
    net, new = grown(Network("small", 3, small().stem, small().stages, Head(5, dropout=0.5)))
    assert proof_of(net, new).is_exact
