"""Reversible blocks in a step: the gradients of the blocks themselves, from the end of the chain alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from skipline.init import build
from skipline.kernels import Kernels
from skipline.memory import Keeping
from skipline.memory.keeping import recomputed_first
from skipline.nn import ResidualNet, fill_missing_gradients, seed_dropout
from skipline.spec import (
    Activation,
    Attention,
    Block,
    Branch,
    Head,
    Merge,
    Network,
    Norm,
    PadShortcut,
    ProjectionShortcut,
    Stage,
    Stem,
    StochasticDepth,
)
from skipline.train.memory.recompute import forward_through
from skipline.train.parts import read_once
from skipline.train.speed.forward import step_forward
from skipline.train.speed.fusion import parts_of

Forward = Callable[[Tensor], Tensor]
POOLED = Block(shortcut=PadShortcut(subsample="average"), order="pre", coupling="additive")


def net_of(block: Block = POOLED, *, num_blocks: int = 4) -> Network:
    stages = (Stage(num_blocks, 16, 8, block=block), Stage(num_blocks, 24, 12, stride=2, block=block))
    return Network("rev", 3, Stem((16,)), stages, Head(4, dropout=0.2))


NETWORKS = {
    "basic": net_of(),
    "bottleneck": net_of(Block(Branch("bottleneck"), ProjectionShortcut(), order="pre", coupling="additive")),
    "raw identity": replace(net_of(), first_identity="raw"),
    "activation at the branch's end": net_of(replace(POOLED, order="act_before_add")),
    "activation alone before": net_of(replace(POOLED, order="act_only_pre")),
    "dropouts": net_of(replace(POOLED, branch=Branch(dropout=0.3, drop_block=0.2, drop_block_size=3))),
    "stochastic depth of batches": replace(net_of(), stochastic_depth=StochasticDepth(0.5)),
    "stochastic depth of samples": replace(net_of(), stochastic_depth=StochasticDepth(0.5, "sample")),
    "attention, learned scale": net_of(
        replace(POOLED, branch=Branch(attention=Attention("eca")), merge=Merge(0.5, branch_scaling="learned"))
    ),
    "gelu, group norm": replace(net_of(), norm=Norm("group", groups=4), activation=Activation("gelu")),
    "an ordinary stage between": replace(
        net_of(), stages=(net_of().stages[0], Stage(2, 20, 20, stride=2), net_of().stages[1])
    ),
}


def images(num: int = 6, side: int = 8) -> Tensor:
    drawn = torch.randn(num, 3, side, side, generator=torch.Generator().manual_seed(0))
    return drawn.contiguous(memory_format=torch.channels_last)


def trainable(network: Network) -> ResidualNet:
    return build(network, seed=3).to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]


def stepped(net: ResidualNet, forward: Forward, dtype: torch.dtype, *, autocast: bool = False) -> dict[str, Tensor]:
    """The loss of a step, its gradients, and the statistics behind it."""
    seed_dropout(net, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        logits = forward(images().to(dtype))
    loss = logits.to(dtype).logsumexp(dim=1).sum()
    loss.backward()
    fill_missing_gradients(net)
    gradients = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
    return {"loss": loss.detach(), **gradients, **dict(net.named_buffers())}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_is_that_of_the_net_itself(name: str) -> None:
    """In fp64 to 1e-9: loss, every gradient, and running statistics that have moved once."""
    own, plain = (build(NETWORKS[name], seed=3).double().train() for _ in range(2))
    found = stepped(own, step_forward(own, None), torch.float64)
    expected = stepped(plain, plain, torch.float64)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-9, atol=1e-9 * value.abs().max().item(), msg=key)


def error(found: dict[str, Tensor], exact: dict[str, Tensor]) -> float:
    """The distance of all gradients from the exact ones, over their length."""
    names = [name for name in exact if name.endswith("weight")]
    pairs = [(found[name].double(), exact[name]) for name in names]
    return float(sum((a - b).square().sum() for a, b in pairs) / sum(b.square().sum() for _, b in pairs)) ** 0.5


@pytest.mark.parametrize("is_fused", [False, True], ids=["plain", "fused"])
@pytest.mark.parametrize("autocast", [False, True], ids=["fp32", "bf16"])
def test_rounding_is_that_of_an_ordinary_backward_pass(autocast: bool, is_fused: bool, kernels: Kernels) -> None:
    """Against fp64 a chain of 20 blocks is as far off as keeping everything is; measured to a factor of 2."""
    network = replace(net_of(num_blocks=20), head=Head(4))
    exact, kept, own = trainable(network).double(), trainable(network), trainable(network)
    expected = stepped(exact, exact, torch.float64)
    usual = error(stepped(kept, kept, torch.float32, autocast=autocast), expected)
    forward = step_forward(own, kernels if is_fused else None)
    found = error(stepped(own, forward, torch.float32, autocast=autocast), expected)
    assert found < 3 * usual
    assert found < (0.7 if autocast else 1e-2)


def test_segments_that_are_computed_again_give_the_bits_of_the_net_itself() -> None:
    """A budget may have a step keep inputs of segments instead: then nothing is undone, and nothing rounded."""
    network = NETWORKS["stochastic depth of samples"]
    keeping = recomputed_first(10, from_inputs=10, from_convolutions=0, length=3)
    own, plain = trainable(network), trainable(network)
    found = stepped(own, step_forward(own, None, keeping), torch.float32)
    expected = stepped(plain, plain, torch.float32)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.parametrize("is_fused", [False, True], ids=["plain", "fused"])
def test_reading_changes_no_bit_and_sees_what_passes_in_the_chain(is_fused: bool, kernels: Kernels) -> None:
    own, other, plain = (trainable(net_of()) for _ in range(3))
    sites = ("stem", "stage1.block1.out", "stage1.block3.out", "stage2.block4.out")
    seen: dict[str, Tensor] = {}
    gradients: dict[str, Tensor] = {}

    def read(site: str, y: Tensor, _again: Tensor) -> None:
        seen[site] = y.detach().clone()
        y.register_hook(lambda gradient: gradients.__setitem__(site, gradient.clone()))

    chosen = kernels if is_fused else None
    forward = forward_through(read_once(parts_of(own, chosen), sites, read), Keeping(()))
    found = stepped(own, forward, torch.float32)
    expected = stepped(other, step_forward(other, chosen), torch.float32)
    assert all(torch.equal(found[name], value) for name, value in expected.items())

    def compare(site: str) -> Callable[[object, object, Tensor], None]:
        def hook(_module: object, _inputs: object, y: Tensor) -> None:
            torch.testing.assert_close(seen[site], y.detach(), rtol=1e-4, atol=1e-4)
            y.register_hook(lambda own: torch.testing.assert_close(gradients[site], own, rtol=0.05, atol=1e-3))

        return hook

    for site in sites:
        plain.get_submodule(site).register_forward_hook(compare(site))
    stepped(plain, plain, torch.float32)
    assert set(gradients) == set(sites)


def test_frozen_parts_and_a_stem_without_gradients_are_no_trouble() -> None:
    own, plain = (trainable(net_of()).double() for _ in range(2))
    for net in (own, plain):
        net.stem.requires_grad_(False)
        net.get_submodule("stage1.block2").requires_grad_(False).eval()
    found, expected = stepped(own, step_forward(own, None), torch.float64), stepped(plain, plain, torch.float64)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-9, atol=1e-9 * value.abs().max().item())


@pytest.mark.slow
def test_depth_is_no_limit() -> None:
    """More blocks than Python recurses."""
    block = replace(POOLED, merge=Merge(0.01))
    stages = (Stage(sys.getrecursionlimit() + 2, 4, 2, block=block),)
    own = build(Network("deep", 3, Stem((4,)), stages, Head(2)), seed=0).train()
    step_forward(own, None)(torch.zeros(2, 3, 4, 4)).sum().backward()
    assert all(parameter.grad is not None for parameter in own.parameters())
