"""What is computed again is what was computed: gradients, statistics and draws to the bit."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from skipline.init import build
from skipline.kernels import Kernels
from skipline.memory import Keeping, Segment
from skipline.memory.keeping import recomputed_first
from skipline.nn import ResidualNet, seed_dropout
from skipline.spec import Attention, Block, Branch, Head, Merge, Network, Stage, Stem, StochasticDepth
from skipline.spec.layers import Activation, Norm
from skipline.train.memory.recompute import forward_through
from skipline.train.parts import Part, plain_parts, read_once
from skipline.train.speed.fusion import fused_parts

_SMALL = Network("small", 3, Stem((8,)), (Stage(3, 8, 8), Stage(2, 16, 16, stride=2)), Head(4, dropout=0.2))


def with_blocks(block: Block) -> Network:
    return replace(_SMALL, stages=tuple(replace(stage, block=block) for stage in _SMALL.stages))


NETWORKS = {
    "basic": _SMALL,
    "pre-activation": with_blocks(Block(order="pre")),
    "dropouts": with_blocks(Block(Branch(dropout=0.3, drop_block=0.2, drop_block_size=3))),
    "stochastic depth of batches": replace(_SMALL, stochastic_depth=StochasticDepth(0.5)),
    "stochastic depth of samples": replace(_SMALL, stochastic_depth=StochasticDepth(0.5, "sample")),
    "gated, with attention": with_blocks(Block(Branch(attention=Attention("eca")), merge=Merge(gate="shortcut"))),
    "gelu and group norm": replace(_SMALL, norm=Norm("group", groups=4), activation=Activation("gelu")),
}
KEEPINGS = {
    "inputs": recomputed_first(7, from_inputs=6, from_convolutions=0, length=2),
    "convolutions": recomputed_first(7, from_inputs=0, from_convolutions=6, length=3),
    "some of each": Keeping((Segment(2, "input"), Segment(1, "all"), Segment(2, "convolutions"), Segment(2, "all"))),
}


def parts_of(net: ResidualNet, kernels: Kernels | None) -> list[Part]:
    return plain_parts(net) if kernels is None else fused_parts(net, kernels)


def stepped(network: Network, keeping: Keeping, kernels: Kernels | None, dtype: torch.dtype) -> list[Tensor]:
    """Two parts of a batch: their losses, gradients and statistics."""
    net = build(network, seed=3).to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    forward = forward_through(parts_of(net, kernels), keeping)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for part in range(2):
        seed_dropout(net, part)
        images = torch.randn(6, 3, 8, 8, generator=generator).contiguous(memory_format=torch.channels_last)
        with nullcontext() if dtype == torch.float32 else torch.autocast("cpu", dtype=dtype):
            loss = forward(images).float().logsumexp(dim=1).sum()
        loss.backward()
        losses.append(loss.detach())
    gradients = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
    return [*losses, *gradients, *net.buffers()]


def assert_equal(found: list[Tensor], expected: list[Tensor]) -> None:
    assert len(found) == len(expected)
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("is_fused", [False, True], ids=["plain", "fused"])
@pytest.mark.parametrize("keeping", KEEPINGS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_is_the_same_to_the_bit(name: str, keeping: str, is_fused: bool, kernels: Kernels) -> None:
    chosen = kernels if is_fused else None
    whole = stepped(NETWORKS[name], Keeping(()), chosen, torch.float32)
    assert_equal(stepped(NETWORKS[name], KEEPINGS[keeping], chosen, torch.float32), whole)


@pytest.mark.parametrize("is_fused", [False, True], ids=["plain", "fused"])
@pytest.mark.parametrize("keeping", KEEPINGS)
def test_so_it_is_in_bfloat16(keeping: str, is_fused: bool, kernels: Kernels) -> None:
    chosen = kernels if is_fused else None
    whole = stepped(NETWORKS["dropouts"], Keeping(()), chosen, torch.bfloat16)
    assert_equal(stepped(NETWORKS["dropouts"], KEEPINGS[keeping], chosen, torch.bfloat16), whole)


def test_what_runs_whole_is_the_net_itself() -> None:
    """The reference of the tests above is the module's own forward pass."""
    net = build(_SMALL, seed=3).train()
    other = build(_SMALL, seed=3).train()
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for each in (net, other):
        seed_dropout(each, 0)
    assert torch.equal(forward_through(plain_parts(net), Keeping(()))(images), other(images))


def test_norms_have_their_momentum_back_though_computing_again_fails(kernels: Kernels) -> None:
    net = build(_SMALL, seed=3).train()
    seed_dropout(net, 0)
    loss = forward_through(fused_parts(net, kernels), KEEPINGS["inputs"])(torch.zeros(2, 3, 8, 8)).sum()
    norm = net.get_submodule("stage1.block1.branch.norm1")
    handle = net.get_submodule("stage1.block1.branch.conv1").register_forward_hook(_fail)
    with pytest.raises(RuntimeError, match="no memory"):
        loss.backward()
    handle.remove()
    assert norm.momentum == 0.1


class Counting(TorchDispatchMode):
    """Counts the convolutions that are computed, of PyTorch and of small maps."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counter[str]()

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        self.counts[str(func)] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("keeping", "times"), [("convolutions", 1), ("inputs", 2)])
def test_each_convolution_is_computed_again_or_kept_whoever_computes_it(
    keeping: str, times: int, kernels: Kernels
) -> None:
    wide = (*_SMALL.stages, Stage(2, 128, 128, stride=2))  # maps of 2×2; its first convolution has only 16 channels
    network = replace(_SMALL, stages=wide)
    inputs, convolutions = (8, 0) if keeping == "inputs" else (0, 8)
    again = recomputed_first(9, from_inputs=inputs, from_convolutions=convolutions, length=3)
    counted: list[Counter[str]] = []
    for each in (Keeping(()), again):
        with Counting() as mode:
            stepped(network, each, kernels, torch.float32)
        counted.append(mode.counts)
    for name, whole in (("skipline.small_map.default", 2 * 3), ("aten.convolution.default", 2 * 12)):
        assert [counts[name] for counts in counted] == [whole, times * whole]


def _fail(*_arguments: object) -> None:
    raise RuntimeError("no memory")


def test_each_site_is_read_once(kernels: Kernels) -> None:
    net = build(_SMALL, seed=3).train()
    seed_dropout(net, 0)
    seen: list[str] = []
    sites = {"stem", "stage1.block2.out", "stage2.block1.out"}
    parts = read_once(fused_parts(net, kernels), sites, lambda site, _y, _again: seen.append(site))
    forward_through(parts, KEEPINGS["inputs"])(torch.zeros(2, 3, 8, 8)).sum().backward()
    assert seen == ["stem", "stage1.block2.out", "stage2.block1.out"]


@pytest.mark.slow
def test_depth_is_no_limit(kernels: Kernels) -> None:
    """More blocks than Python recurses, in segments and in one."""
    blocks = sys.getrecursionlimit() + 1
    network = replace(_SMALL, stages=(Stage(blocks, 8, 8),))
    for length in (32, blocks + 1):
        keeping = recomputed_first(blocks + 2, from_inputs=blocks + 1, from_convolutions=0, length=length)
        results = stepped(network, keeping, kernels, torch.float32)
        assert all(tensor.isfinite().all() for tensor in results)
