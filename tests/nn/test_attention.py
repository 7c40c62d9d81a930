"""Channel attention against its equations, written out."""

from __future__ import annotations

import pytest
import torch

from skipline.init import build
from skipline.spec import Attention, Block, Branch, Head, Network, Stage, Stem

X = torch.empty(3, 64, 5, 4).normal_(generator=torch.Generator().manual_seed(4))


def attention(kind: str) -> torch.nn.Module:
    block = Block(Branch(attention=Attention(kind)))  # pyright: ignore[reportArgumentType]
    net = build(Network("net", 3, Stem((64,)), (Stage(1, 64, 64, block=block),), Head(5)), seed=5)
    return net.get_submodule("stage1.block1.branch.attention")


def sigmoid(x: torch.Tensor) -> torch.Tensor:
    return 1 / (1 + (-x).exp())


def test_squeeze_and_excitation() -> None:
    module = attention("squeeze_excite")
    weights = module.state_dict()
    w1, b1, w2, b2 = (weights[name] for name in ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"))
    assert w1.shape == (8, 64, 1, 1)  # 64 / 16 is 4, rounded up to 8
    means = X.sum((2, 3)) / 20
    hidden = (means @ w1[:, :, 0, 0].T + b1).clamp(min=0)
    expected = X * sigmoid(hidden @ w2[:, :, 0, 0].T + b2)[:, :, None, None]
    torch.testing.assert_close(module(X), expected)


def test_efficient_attention() -> None:
    module = attention("eca")
    (a, b, c) = module.state_dict()["conv.weight"].flatten()
    means = torch.zeros(3, 66)
    means[:, 1:-1] = X.sum((2, 3)) / 20
    expected = X * sigmoid(a * means[:, :-2] + b * means[:, 1:-1] + c * means[:, 2:])[:, :, None, None]
    torch.testing.assert_close(module(X), expected)


@pytest.mark.parametrize("kind", ["squeeze_excite", "eca"])
def test_the_memory_format_stays(kind: str) -> None:
    last = X.contiguous(memory_format=torch.channels_last)
    assert attention(kind)(last).is_contiguous(memory_format=torch.channels_last)
