"""Reversible blocks in a step: the gradients of the blocks themselves, from the end of the chain alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from skipline.init import build
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
from skipline.train.recompute import step_forward

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


def stepped(net: ResidualNet, forward, dtype: torch.dtype) -> dict[str, Tensor]:
    seed_dropout(net, 1)
    loss = forward(images().to(dtype)).logsumexp(dim=1).sum()
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
