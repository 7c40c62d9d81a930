"""Stochastic depth: what is left out is not computed, the same seed leaves out the same, and the mean stays."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from skipline.init import build
from skipline.nn import ResidualNet, fill_missing_gradients, seed_dropout
from skipline.spec import Block, Branch, Head, Network, ProjectionShortcut, Stage, Stem, StochasticDepth
from skipline.spec.block import Order
from skipline.spec.layers import DropMode

NUM_BLOCKS = 12
NAMES = [f"stage{stage}.block{block}" for stage in (1, 2) for block in range(1, NUM_BLOCKS // 2 + 1)]
RATE = 0.5
IMAGES = torch.empty(6, 3, 8, 8).normal_(generator=torch.Generator().manual_seed(12))


def net_with(mode: DropMode, *, order: Order = "post", rate: float = RATE) -> ResidualNet:
    block = Block(shortcut=ProjectionShortcut(), order=order)
    stages = (Stage(NUM_BLOCKS // 2, 4, 4, block=block), Stage(NUM_BLOCKS // 2, 8, 8, stride=2, block=block))
    depth = StochasticDepth(rate, mode, "uniform")
    return build(Network("net", 3, Stem((4,)), stages, Head(5), stochastic_depth=depth), seed=1).train()


def count_runs(net: ResidualNet) -> dict[str, int]:
    """How often each convolution of a branch ran, counted from now on."""
    runs = {name: 0 for name, module in net.named_modules() if ".branch." in name and isinstance(module, nn.Conv2d)}

    def count(name: str) -> None:
        def note(*_: object) -> None:
            runs[name] += 1

        net.get_submodule(name).register_forward_hook(note)

    for name in runs:
        count(name)
    return runs


@pytest.mark.parametrize("order", ["post", "pre"])
def test_branches_that_are_left_out_do_not_run(order: Order) -> None:
    net = net_with("batch", order=order)
    runs = count_runs(net)
    assert len(runs) == 2 * NUM_BLOCKS
    for seed in range(40):
        seed_dropout(net, seed)
        net(IMAGES)
    kept = [runs[f"{name}.branch.conv1"] for name in NAMES]
    # 12 · 40 draws with probability a half: 240 ± √120 = 11
    assert abs(sum(kept) - NUM_BLOCKS * 40 * RATE) < 5 * 11
    assert kept == [runs[f"{name}.branch.conv2"] for name in NAMES]  # a branch runs whole or not at all


def test_a_step_computes_the_shortcuts_and_what_the_kept_branches_give() -> None:
    """Against the sum written out, with the draws read from the counts of runs."""
    net = net_with("batch")
    runs = count_runs(net)
    seed_dropout(net, 3)
    got = net(IMAGES)
    kept = [runs[f"{name}.branch.conv1"] == 1 for name in NAMES]
    assert 0 < sum(kept) < NUM_BLOCKS
    x = net.get_submodule("stem")(IMAGES)
    for name, is_kept in zip(NAMES, kept, strict=True):
        y = net.get_submodule(f"{name}.shortcut")(x)
        if is_kept:
            y = y + net.get_submodule(f"{name}.branch")(x) / (1 - RATE)
        x = y.clamp(min=0)
    torch.testing.assert_close(got, net.get_submodule("head")(x))


@pytest.mark.parametrize("mode", ["batch", "sample"])
def test_one_seed_gives_one_step_and_another_seed_another(mode: DropMode) -> None:
    net = net_with(mode)
    seed_dropout(net, 1)
    first = net(IMAGES)
    assert torch.equal(net(IMAGES), first)
    other = copy.deepcopy(net)
    seed_dropout(other, 1)
    assert torch.equal(other(IMAGES), first)
    seed_dropout(net, 2)
    assert not torch.equal(net(IMAGES), first)


@pytest.mark.parametrize("mode", ["batch", "sample"])
def test_a_recomputed_pass_leaves_out_the_same(mode: DropMode) -> None:
    gradients: list[list[torch.Tensor | None]] = []
    for recompute in (False, True):
        net = net_with(mode)
        seed_dropout(net, 4)
        logits = checkpoint(net, IMAGES, use_reentrant=False) if recompute else net(IMAGES)
        assert isinstance(logits, torch.Tensor)
        logits.square().sum().backward()
        gradients.append([parameter.grad for parameter in net.parameters()])
    for once, twice in zip(*gradients, strict=True):
        assert (once is None) == (twice is None)
        assert once is None or twice is None or torch.equal(once, twice)


def test_each_sample_keeps_its_branch_scaled_or_loses_it() -> None:
    net = net_with("sample", rate=0.25)
    seed_dropout(net, 1)
    y = net.get_submodule("stage1.block1.drop")(torch.ones(4000, 2, 1, 3))
    assert y.unique().tolist() == pytest.approx([0, 4 / 3])
    assert torch.equal(y, y[:, :1, :, :1].expand_as(y))
    share = (y[:, 0, 0, 0] == 0).float().mean().item()
    assert abs(share - 0.25) < 5 * (0.25 * 0.75 / 4000) ** 0.5


@pytest.mark.parametrize("mode", ["batch", "sample"])
def test_evaluation_keeps_everything_and_needs_no_seed(mode: DropMode) -> None:
    net = net_with(mode).eval()
    runs = count_runs(net)
    expected = net(IMAGES)
    assert set(runs.values()) == {1}
    exported = torch.export.export(net, (IMAGES,))
    torch.testing.assert_close(exported.module()(IMAGES), expected)


@pytest.mark.parametrize("mode", ["batch", "sample"])
def test_without_a_seed_a_training_pass_says_what_to_call(mode: DropMode) -> None:
    with pytest.raises(RuntimeError, match=r"no seed\. Call seed_dropout\(net, seed\) before each training step"):
        net_with(mode)(IMAGES)


def test_branches_that_were_left_out_get_gradients_of_zeros() -> None:
    net = net_with("batch")
    seed_dropout(net, 3)
    net(IMAGES).sum().backward()
    missing = [name for name, parameter in net.named_parameters() if parameter.grad is None]
    assert missing
    assert all(".branch." in name for name in missing)
    fill_missing_gradients(net)
    for name in missing:
        gradient = net.get_parameter(name).grad
        assert gradient is not None
        assert not gradient.any()


def test_the_sum_stays_a_site_where_the_branch_is_left_out() -> None:
    net = net_with("batch")
    seen: list[str] = []

    def note(name: str) -> None:
        net.get_submodule(name).register_forward_hook(lambda *_: seen.append(name))

    for name in NAMES:
        note(f"{name}.sum")
    seed_dropout(net, 3)
    net(IMAGES)
    assert seen == [f"{name}.sum" for name in NAMES]


@pytest.mark.parametrize("mode", ["batch", "sample"])
# PyTorch warns of itself where it takes a graph up again behind the draw.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_a_compiled_net_draws_the_same_and_is_not_compiled_again_for_each_seed(mode: DropMode) -> None:
    block = Block(Branch(drop_block=0.2, drop_block_size=3, dropout=0.1))
    depth = StochasticDepth(RATE, mode, "uniform")
    net = build(Network("net", 3, Stem((4,)), (Stage(2, 4, 4, block=block),), Head(5), stochastic_depth=depth)).train()
    torch._dynamo.reset()
    compiled = torch.compile(net, backend="eager")
    graphs: list[int] = []
    for seed in range(16):
        seed_dropout(net, seed)
        torch.testing.assert_close(compiled(IMAGES), net(IMAGES))
        graphs.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert graphs[8:] == [graphs[8]] * 8
