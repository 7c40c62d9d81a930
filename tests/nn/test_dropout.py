"""Dropout whose masks are a function of a seed: exact, per layer, and the right share of zeros."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from skipline.init import build
from skipline.nn import ResidualNet, seed_dropout
from skipline.nn.dropout import SEEDED, DropBlock, DropBranch, Dropout
from skipline.spec import Block, Branch, Head, Network, ProjectionShortcut, Stage, Stem

RATE = 0.3
LAYERS = ("stage1.block1.branch.dropout", "stage1.block2.branch.dropout", "head.dropout")


def net() -> ResidualNet:
    """A small wide residual network with dropout in the branches and the head."""
    block = Block(Branch(dropout=RATE), ProjectionShortcut(), order="pre")
    return build(Network("net", 3, Stem((8,)), (Stage(2, 8, 8, block=block),), Head(5, dropout=RATE))).train()


def ones(*shape: int) -> Tensor:
    return torch.ones(shape)


def test_a_share_of_the_elements_is_dropped_and_the_rest_scaled_so_that_the_mean_stays() -> None:
    dropout = net()
    seed_dropout(dropout, 1)
    y = dropout.get_submodule(LAYERS[0])(ones(16, 8, 32, 32))
    share = (y == 0).float().mean().item()
    # 131,072 draws: the standard deviation of the share is √(0.3 · 0.7 / 131072) = 0.0013
    assert abs(share - RATE) < 5 * 0.0013
    assert y[y != 0].unique().tolist() == pytest.approx([1 / (1 - RATE)])


def test_one_seed_gives_one_step_and_another_seed_another() -> None:
    images = torch.empty(4, 3, 8, 8).normal_(generator=torch.Generator().manual_seed(2))
    model = net()
    seed_dropout(model, 1)
    first = model(images)
    assert torch.equal(model(images), first)  # as a recomputed forward pass needs it
    other = copy.deepcopy(model)
    seed_dropout(other, 1)
    assert torch.equal(other(images), first)
    seed_dropout(model, 2)
    assert not torch.equal(model(images), first)


def test_each_layer_has_its_own_mask() -> None:
    model = net()
    seed_dropout(model, 1)
    one, two, three = (model.get_submodule(name)(ones(4, 8, 8, 8)) for name in LAYERS)
    assert not torch.equal(one, two)
    assert not torch.equal(two, three)


def test_the_mask_does_not_depend_on_the_memory_format_and_keeps_it() -> None:
    layer = net()
    seed_dropout(layer, 1)
    dropout = layer.get_submodule(LAYERS[0])
    last = dropout(ones(4, 8, 6, 6).contiguous(memory_format=torch.channels_last))
    assert torch.equal(last, dropout(ones(4, 8, 6, 6)))
    assert last.is_contiguous(memory_format=torch.channels_last)


def test_neither_reads_nor_moves_the_global_generator() -> None:
    model = net()
    seed_dropout(model, 1)
    before = torch.get_rng_state()
    model(ones(2, 3, 8, 8))
    assert torch.equal(torch.get_rng_state(), before)


def test_eval_mode_passes_everything() -> None:
    x = ones(2, 8, 4, 4)
    assert torch.equal(net().eval().get_submodule(LAYERS[0])(x), x)


def test_bf16_stays_bf16() -> None:
    model = net()
    seed_dropout(model, 1)
    assert model.get_submodule(LAYERS[0])(ones(2, 8, 4, 4).bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("rate", [0.1, 0.3])
@pytest.mark.parametrize("kind", [Dropout, lambda rate: DropBranch(rate, "sample"), lambda rate: DropBlock(rate, 2)])
def test_in_bf16_what_is_kept_is_scaled_by_the_factor_itself(kind: Callable[[float], nn.Module], rate: float) -> None:
    """1 / 0.9 is 1.1094 in bf16, which would be 0.15 % too little in every layer that draws."""
    layer = kind(rate).train()
    assert isinstance(layer, SEEDED)
    layer.seed = 1
    x = torch.empty(64, 4, 24, 24).uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(3))
    exact, y = layer(x), layer(x.bfloat16())
    kept = y != 0
    assert torch.equal(kept, exact != 0)
    factor = (exact[kept].double() / x[kept].double()).mean().item()
    # Roundings to 8 bits, each at most 0.4 % and as often up as down: over 100,000 elements less than 0.002 %.
    assert (y[kept].double() / x.bfloat16()[kept].double()).mean().item() == pytest.approx(factor, rel=2e-4)
    if not isinstance(layer, DropBlock):
        assert factor == pytest.approx(1 / (1 - rate), rel=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_gpu_drops_what_the_cpu_drops(dtype: torch.dtype) -> None:
    model = net()
    seed_dropout(model, 1)
    dropout = model.get_submodule(LAYERS[0])
    x = ones(4, 8, 6, 6).to(dtype)
    for image in (x, x.contiguous(memory_format=torch.channels_last)):
        assert torch.equal(dropout(image.cuda()).cpu(), dropout(image))


def test_without_a_seed_a_training_pass_says_what_to_call() -> None:
    with pytest.raises(RuntimeError, match=r"no seed\. Call seed_dropout\(net, seed\) before each training step"):
        net()(ones(2, 3, 8, 8))


def drop_block(rate: float, size: int) -> nn.Module:
    """A layer that drops squares, with a seed."""
    block = Block(Branch(drop_block=rate, drop_block_size=size))
    model = build(Network("net", 3, Stem((8,)), (Stage(1, 8, 8, block=block),), Head(5))).train()
    seed_dropout(model, 1)
    return model.get_submodule("stage1.block1.branch.drop_block")


@pytest.mark.parametrize("size", [1, 3, 4])
def test_squares_are_dropped_in_all_channels_and_the_rest_scaled(size: int) -> None:
    y = drop_block(0.05, size)(ones(64, 2, 24, 20))
    assert torch.equal(y[:, 0], y[:, 1])
    zeros = y[:, 0] == 0
    # Middles are anywhere, so squares are cut at the borders, and some overlap; there are more middles for that.
    assert 0.04 < zeros.float().mean().item() < 0.07
    torch.testing.assert_close(y.mean(), torch.tensor(1.0))
    assert len(y[y != 0].unique()) == 1
    lone = zeros[:, :, 1:-1] & ~zeros[:, :, :-2] & ~zeros[:, :, 2:]
    assert lone[:, :, 4:-4].any() == (size == 1)  # away from the border no square is less wide than its size


def test_squares_as_large_as_the_image_drop_it_whole_or_in_part() -> None:
    dropped = (drop_block(0.5, 9)(ones(400, 1, 3, 3)) == 0).flatten(1)
    assert dropped.all(1).any()
    assert (dropped.any(1) & ~dropped.all(1)).any()  # a middle at a corner leaves the other corners


def test_squares_are_a_function_of_the_seed_and_need_one() -> None:
    layer = drop_block(0.2, 3)
    x = ones(4, 8, 12, 12)
    assert torch.equal(layer(x), layer(x))
    assert torch.equal(layer(x.contiguous(memory_format=torch.channels_last)), layer(x))
    assert torch.equal(layer.eval()(x), x)
    block = Block(Branch(drop_block=0.2))
    with pytest.raises(RuntimeError, match=r"no seed\. Call seed_dropout"):
        build(Network("net", 3, Stem((8,)), (Stage(1, 8, 8, block=block),), Head(5))).train()(ones(2, 3, 8, 8))
