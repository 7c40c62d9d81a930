"""Looks-linear networks: linear at the start, whatever their activation takes, or refused with the reason."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from skipline.init import InitError, build, scheme_named
from skipline.nn import ResidualNet
from skipline.spec import (
    Activation,
    Attention,
    Block,
    Branch,
    Head,
    Merge,
    Network,
    Norm,
    NoShortcut,
    PadShortcut,
    ProjectionShortcut,
    Stage,
    Stem,
)
from skipline.zoo import describe


def network(block: Block, activation: Activation = Activation(), *, widths: tuple[int, ...] = (8, 16)) -> Network:  # noqa: B008
    """Ten blocks and two convolutions more: 22 weighted layers with the classifier."""
    stages = tuple(Stage(5, width, width, 1 + number, block=block) for number, width in enumerate(widths))
    raw = "raw" if block.order in ("pre", "act_only_pre") else "activated"
    return Network("mine", 3, Stem(widths[:1]), stages, Head(7), Norm("none"), activation, first_identity=raw)


PLAIN = Block(shortcut=NoShortcut())
PRE = Block(order="pre")
LINEAR = {
    "plain": network(PLAIN),
    "plain, grouped": network(replace(PLAIN, branch=Branch(groups=4))),
    "plain, bottleneck": network(replace(PLAIN, branch=Branch("bottleneck"))),
    "plain, leaky": network(PLAIN, Activation("leaky_relu", 0.2)),
    "plain, gelu": network(PLAIN, Activation("gelu")),
    "plain, silu": network(PLAIN, Activation("silu")),
    "pre-activation, padded on both sides": network(PRE),
    "pre-activation, padded at the end": network(replace(PRE, shortcut=PadShortcut("end"))),
    "pre-activation, projected": network(replace(PRE, shortcut=ProjectionShortcut("always"))),
    "pre-activation, scaled": network(replace(PRE, merge=Merge(0.3, "learned", shortcut_scale=0.9))),
    "activation before the sum": network(Block(order="act_before_add")),
    "activation before the sum, projected": network(Block(shortcut=ProjectionShortcut(), order="act_before_add")),
    "scalar biases": replace(network(PRE), biases="scalar"),
}


def started(net: Network, seed: int = 3) -> ResidualNet:
    return build(net, scheme=scheme_named("looks_linear"), seed=seed)


def images(seed: int) -> Tensor:
    return torch.empty(2, 3, 8, 8).normal_(generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", LINEAR)
def test_the_network_is_linear(kind: str) -> None:
    assert LINEAR[kind].depth >= 20
    net = started(LINEAR[kind])
    x, y = images(1), images(2)
    together, apart = net(0.7 * x - 1.3 * y), 0.7 * net(x) - 1.3 * net(y)
    assert apart.norm() > 1e-3, "it gives something"
    assert (together - apart).norm() < 1e-5 * apart.norm()


def before_head(net: ResidualNet, x: Tensor) -> Tensor:
    for name in ("stem", *net.stage_names):
        x = net.get_submodule(name)(x)
    return x


@pytest.mark.parametrize("kind", ["plain", "plain, leaky", "plain, gelu"])
def test_a_plain_net_is_an_isometry(kind: str) -> None:
    """The read signal φ(u) − φ(−u), over (1 + a), has the length of the image: pairs of channels are neighbours."""
    same_size = replace(LINEAR[kind], stages=tuple(replace(stage, stride=1) for stage in LINEAR[kind].stages))
    x = images(4)
    y = before_head(started(same_size), x)
    read = (y[:, 0::2] - y[:, 1::2]) / (1 + same_size.activation.slope)
    torch.testing.assert_close(read.flatten(1).norm(dim=1), x.flatten(1).norm(dim=1), rtol=1e-4, atol=0)


def test_another_seed_is_another_map() -> None:
    one, other = (started(LINEAR["plain"], seed)(images(1)) for seed in (1, 2))
    assert (one - other).norm() > 0.1 * one.norm()


def test_a_training_step_leaves_the_linear_functions() -> None:
    """Linear only at the start: the weights of a pair are not tied."""
    net = started(LINEAR["plain"])
    x, y = images(1), images(2)
    gradients = torch.autograd.grad(net(x).square().sum(), list(net.parameters()))
    with torch.no_grad():
        for parameter, gradient in zip(net.parameters(), gradients, strict=True):
            parameter -= 0.1 * gradient / (gradient.norm() + 1e-12)
        apart = net(x) + net(y)
        assert (net(x + y) - apart).norm() > 1e-3 * apart.norm()


REFUSED: dict[str, tuple[Network, str]] = {
    "norms": (
        describe("cifar_resnet20"),
        "has batch norms, which are not linear. Use delta_orthogonal, or Norm('none').",
    ),
    "tanh": (
        network(PLAIN, Activation("tanh")),
        "mine has the activation 'tanh', for which φ(u) − φ(−u) is not linear.",
    ),
    "a ReLU behind the sum": (network(Block()), "mine: stage1.block1.out.act activates what was activated before"),
    "an activated first identity": (
        replace(network(PRE), first_identity="activated"),
        "mine: stage1.block2.branch.act1 activates what was activated before and then added to or passed on, so the "
        "net "
        "cannot be linear, as looks_linear starts it. Use delta_orthogonal, or pre-activation blocks without norms and "
        "with first_identity='raw'.",
    ),
    "odd channels": (network(PLAIN, widths=(15,)), "mine: stem.conv1 goes from 3 to 15 channels, which are not pairs"),
    "odd groups": (
        network(replace(PLAIN, branch=Branch(groups=2)), widths=(6,)),
        "mine: stage1.block1.branch.conv1 goes from 6 to 6 channels, which are not pairs",
    ),
    "a shortcut that tears pairs": (
        network(PRE, widths=(8, 10)),
        "mine: stage2.block1.shortcut.pad pads by 1 and 1 channels, which tears pairs apart",
    ),
    "attention": (
        network(replace(PRE, branch=Branch(attention=Attention("eca")))),
        "mine: stage1.block1.branch.attention is EfficientAttention, which is not linear",
    ),
    "coupled halves": (
        network(replace(PRE, coupling="additive")),
        "mine: stage1.block1 couples two halves of the channels, and looks_linear follows one signal. "
        "Use delta_orthogonal, or Block(coupling='none').",
    ),
    "a gate": (
        network(replace(PRE, merge=Merge(gate="shortcut"))),
        "stage1.block1.gate is a gate, which is",
    ),
    "a maximum": (
        replace(network(PRE), stem=Stem((8,), pool="max")),
        "mine: stem.pool takes a maximum, which is not linear",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_network_that_could_not_be_linear_is_refused(kind: str) -> None:
    refused, message = REFUSED[kind]
    with pytest.raises(InitError, match=re.escape(message)):
        started(refused)
