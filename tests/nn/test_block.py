"""Parity: the orders and merges of a block, each against its formula written out with PyTorch's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from skipline.init import build
from skipline.nn import ResidualNet, seed_dropout
from skipline.spec import Block, Head, Merge, Network, NoShortcut, PadShortcut, ProjectionShortcut, Stage, Stem
from skipline.spec.block import Order

X = torch.empty(4, 8, 6, 6).normal_(generator=torch.Generator().manual_seed(7))
TWO = "stage1.block2"  # a block after the first, whose entry no shortcut shares


def net_of(block: Block) -> ResidualNet:
    """A net of such blocks, every weight and statistic random, in eval mode."""
    stages = (Stage(2, 8, 8, block=block), Stage(1, 16, 16, stride=2, block=block))
    net = build(Network("net", 3, Stem((8,)), stages, Head(5)), seed=3).eval()
    generator = torch.Generator().manual_seed(8)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in module.state_dict().values():
                tensor.uniform_(0.5, 1.5, generator=generator)
    return net


class Written:
    """c1, N1, … of one block as functions that read the block's weights and nothing else of it."""

    def __init__(self, net: ResidualNet, place: str) -> None:
        self.weights = net.state_dict()
        self.place = place

    def conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self.weights[f"{self.place}.{name}.weight"]
        return conv2d(x, weight, self.weights.get(f"{self.place}.{name}.bias"), stride, weight.shape[-1] // 2)

    def norm(self, name: str, x: Tensor) -> Tensor:
        values = [
            self.weights[f"{self.place}.{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")
        ]
        mean, variance, weight, bias = (value.view(1, -1, 1, 1) for value in values)
        return (x - mean) / (variance + 1e-5).sqrt() * weight + bias


def c(number: int) -> Callable[[Written, Tensor], Tensor]:
    return lambda w, x: w.conv(f"branch.conv{number}", x)


def n(number: int) -> Callable[[Written, Tensor], Tensor]:
    return lambda w, x: w.norm(f"branch.norm{number}", x)


def relu(_w: Written, x: Tensor) -> Tensor:
    return torch.maximum(x, torch.zeros(()))


BRANCHES: dict[str, list[Callable[[Written, Tensor], Tensor]]] = {  # arXiv 1603.05027, figure 4, in running order
    "post": [c(1), n(1), relu, c(2), n(2)],
    "norm_after_add": [c(1), n(1), relu, c(2)],
    "act_before_add": [c(1), n(1), relu, c(2), n(2), relu],
    "act_only_pre": [relu, c(1), n(1), relu, c(2), n(2)],
    "pre": [n(1), relu, c(1), n(2), relu, c(2)],
}


def f(written: Written, order: str, x: Tensor) -> Tensor:
    for layer in BRANCHES[order]:
        x = layer(written, x)
    return x


def after(written: Written, order: str, x: Tensor) -> Tensor:
    """What follows the addition."""
    if order == "norm_after_add":
        x = written.norm("out.norm", x)
    return relu(written, x) if order in ("post", "norm_after_add") else x


@pytest.mark.parametrize("order", get_args(Order))
def test_each_order_is_its_figure(order: Order) -> None:
    net = net_of(Block(order=order))
    written = Written(net, TWO)
    torch.testing.assert_close(net.get_submodule(TWO)(X), after(written, order, X + f(written, order, X)))


def test_a_plain_block_is_the_same_without_the_addition() -> None:
    net = net_of(Block(shortcut=NoShortcut()))
    written = Written(net, TWO)
    torch.testing.assert_close(net.get_submodule(TWO)(X), relu(written, f(written, "post", X)))


def test_a_preactivation_projection_reads_the_activated_input_and_an_identity_the_raw_one() -> None:
    net = net_of(Block(shortcut=ProjectionShortcut(), order="pre"))
    written = Written(net, "stage2.block1")
    h = relu(written, written.norm("entry.norm1", X))
    branch = written.conv("branch.conv1", h, stride=2)
    branch = written.conv("branch.conv2", relu(written, written.norm("branch.norm2", branch)))
    expected = branch + written.conv("shortcut.conv", h, stride=2)
    torch.testing.assert_close(net.get_submodule("stage2.block1")(X), expected)


def test_the_first_preactivation_block_shares_its_entry_with_the_identity() -> None:
    net = net_of(Block(order="pre"))
    written = Written(net, "stage1.block1")
    h = relu(written, written.norm("entry.norm1", X))
    branch = relu(written, written.norm("branch.norm2", written.conv("branch.conv1", h)))
    torch.testing.assert_close(net.get_submodule("stage1.block1")(X), h + written.conv("branch.conv2", branch))


def test_scales_weigh_branch_and_shortcut() -> None:
    net = net_of(Block(merge=Merge(branch_scale=0.3, shortcut_scale=0.5)))
    written = Written(net, TWO)
    expected = relu(written, 0.5 * X + 0.3 * f(written, "post", X))
    torch.testing.assert_close(net.get_submodule(TWO)(X), expected)


@pytest.mark.parametrize("gate", ["shortcut", "exclusive"])
def test_gates_weigh_by_a_sigmoid_of_the_blocks_input(gate: str) -> None:
    net = net_of(Block(merge=Merge(gate="shortcut" if gate == "shortcut" else "exclusive")))
    with torch.no_grad():
        net.get_parameter(f"{TWO}.gate.bias").fill_(-1.0)
    written = Written(net, TWO)
    g = 1 / (1 + (-written.conv("gate", X)).exp())
    branch = f(written, "post", X)
    expected = relu(written, (g * branch if gate == "exclusive" else branch) + (1 - g) * X)
    torch.testing.assert_close(net.get_submodule(TWO)(X), expected)


def test_a_gate_follows_the_blocks_stride() -> None:
    net = net_of(Block(shortcut=PadShortcut(), merge=Merge(gate="exclusive")))
    assert net.get_submodule("stage2.block1")(X).shape == (4, 16, 3, 3)


def test_dropout_on_the_shortcut_leaves_the_branch_alone() -> None:
    net = net_of(Block(merge=Merge(shortcut_dropout=0.5))).train()
    seed_dropout(net, 1)
    dropped = net.get_submodule(f"{TWO}.shortcut")(X)
    assert {0.0, 2.0} == set((dropped / X).round(decimals=4).unique().tolist())
    assert torch.equal(net.get_submodule(f"{TWO}.sum")(X, dropped), X + dropped)


def test_coupled_halves_change_places_and_the_first_is_added_to() -> None:
    net = net_of(Block(order="pre", coupling="additive"))
    written = Written(net, TWO)
    x1, x2 = X.chunk(2, dim=1)
    expected = torch.cat((x2, x1 + f(written, "pre", x2)), dim=1)
    torch.testing.assert_close(net.get_submodule(TWO)(X), expected)


def test_coupled_halves_pass_a_projection_each_where_shapes_change() -> None:
    net = net_of(Block(shortcut=ProjectionShortcut(), order="pre", coupling="additive"))
    written = Written(net, "stage2.block1")
    x1, x2 = X.chunk(2, dim=1)
    branch = written.conv("branch.conv1", relu(written, written.norm("branch.norm1", x2)), stride=2)
    branch = written.conv("branch.conv2", relu(written, written.norm("branch.norm2", branch)))
    expected = written.conv("carried.conv", x2, stride=2), branch + written.conv("shortcut.conv", x1, stride=2)
    torch.testing.assert_close(net.get_submodule("stage2.block1")(X), torch.cat(expected, dim=1))
