"""The lengths of the gradient's paths, where they are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from skipline.init import build, scaled_identity, scheme_named
from skipline.signal import SignalError, path_lengths
from skipline.spec import Activation, Block, Branch, Head, Network, Norm, NoShortcut, PadShortcut, Stage, Stem

CHI = math.pi / (math.pi - 1)


def normal(*shape: int) -> Tensor:
    return torch.empty(*shape).normal_(generator=torch.Generator().manual_seed(0))


def linear(num_blocks: int, shortcut: PadShortcut | NoShortcut) -> Network:
    stages = (Stage(num_blocks, 1, 1, block=Block(Branch(), shortcut)),)
    return Network("linear", 1, Stem((1,)), stages, Head(1), Norm("none"), Activation("identity"))


def test_paths_through_layers_alpha_times_the_identity_are_binomial() -> None:
    """A path through k of K branches has α^{2k}, all paths are alike, and there are C(K, k): p = α⁴ / (1 + α⁴)."""
    alpha, num_blocks = 0.8, 6
    net = build(linear(num_blocks, PadShortcut()), scheme=scaled_identity(alpha))
    found = path_lengths(net, torch.ones(1, 1, 4, 4), num_samples=2, objective=torch.sum)
    p = alpha**4 / (1 + alpha**4)
    expected = [math.comb(num_blocks, k) * p**k * (1 - p) ** (num_blocks - k) for k in range(num_blocks + 1)]
    assert found.lengths == tuple(range(num_blocks + 1))
    assert found.shares == pytest.approx(expected, rel=1e-4)
    assert found.mean_length == pytest.approx(num_blocks * p, rel=1e-4)
    assert max(found.errors) < 1e-6  # every sample of a length is the same


def test_preactivation_blocks_with_batch_norm_have_the_length_of_the_theory() -> None:
    """χ² [ψ(K + χ + χ²) − ψ(χ + χ²)], a sum of K terms: χ² Σ 1 / (k + χ + χ²)."""
    num_blocks = 8
    expected = CHI**2 * sum(1 / (k + CHI + CHI**2) for k in range(num_blocks))
    block = Block(Branch(), PadShortcut(), order="pre")
    network = Network("pre", 3, Stem((32,)), (Stage(num_blocks, 32, 32, block=block),), Head(10))
    net = build(network, scheme=scheme_named("he_fan_in_normal"), seed=1).train()
    found = path_lengths(net, normal(8, 3, 12, 12), num_samples=3, lengths=range(7))
    assert sum(found.shares) == pytest.approx(1)
    assert found.mean_length == pytest.approx(expected, rel=0.25)
    assert all(0 <= error < 0.2 for error in found.errors)


def test_the_net_is_left_as_it_was_and_the_seed_decides() -> None:
    net = build(linear(3, PadShortcut()), scheme=scaled_identity(0.5))
    one, again = (path_lengths(net, normal(2, 1, 4, 4), seed=3) for _ in range(2))
    assert one == again
    assert not any(module._forward_hooks for module in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_net_without_shortcuts_is_refused() -> None:
    with pytest.raises(SignalError, match="linear has no residual blocks, and one path only"):
        path_lengths(build(linear(3, NoShortcut())), normal(2, 1, 4, 4))


def test_coupled_halves_are_refused() -> None:
    block = Block(order="pre", coupling="additive")
    net = build(Network("halves", 3, Stem((4,)), (Stage(3, 4, 2, block=block),), Head(2)))
    with pytest.raises(SignalError, match="halves couples halves of its channels: of a block's three ways"):
        path_lengths(net, normal(2, 3, 4, 4))
