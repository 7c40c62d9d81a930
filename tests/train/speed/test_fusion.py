"""The fused forward pass is the net's own, whatever the net is made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from skipline.init import build
from skipline.kernels import Kernels
from skipline.nn import ResidualNet, fill_missing_gradients, freeze, seed_dropout
from skipline.nn.dropout import DropBranch
from skipline.nn.freeze import FrozenBatchNorm
from skipline.spec import Attention, Block, Branch, ConvWeights, Merge, Network, StochasticDepth
from skipline.spec.block import Order
from skipline.spec.layers import Activation, Norm
from skipline.train.speed import fusion
from skipline.train.speed.forward import step_forward
from skipline.zoo import describe

NETWORKS = {
    "basic, option A": describe("cifar_resnet8", num_classes=10),
    "basic, option B": describe("cifar_resnet8_b", num_classes=10),
    "plain": describe("cifar_plain8", num_classes=10),
    "pre-activation": describe("cifar_preresnet11", num_classes=10),
}


def with_activation(network: Network, activation: Activation) -> Network:
    return replace(network, activation=activation)


def with_order(network: Network, order: Order) -> Network:
    blocks = (replace(stage, block=replace(stage.block, order=order)) for stage in network.stages)
    return replace(network, stages=tuple(blocks))


def with_block(network: Network, branch: Branch, merge: Merge | None = None) -> Network:
    blocks = (Block(branch, stage.block.shortcut, merge or Merge(), stage.block.order) for stage in network.stages)
    return replace(network, stages=tuple(replace(s, block=b) for s, b in zip(network.stages, blocks, strict=True)))


def with_short_stages(network: Network) -> Network:
    """Its first two stages with one block each: rounding grows with depth, which is not what is tested here."""
    return replace(network, stages=tuple(replace(stage, num_blocks=1) for stage in network.stages[:2]))


VARIANTS = {
    **NETWORKS,
    "bottleneck, deep stem, option D": with_short_stages(describe("resnet50d", num_classes=5)),
    "norm after the addition": with_order(NETWORKS["basic, option A"], "norm_after_add"),
    "activation before the addition": with_order(NETWORKS["basic, option A"], "act_before_add"),
    "leaky": with_activation(NETWORKS["basic, option B"], Activation("leaky_relu", 0.1)),
    "no rectifier": with_activation(NETWORKS["basic, option B"], Activation("identity")),
    "gelu": with_activation(NETWORKS["basic, option A"], Activation("gelu")),
    "group norm": replace(NETWORKS["basic, option A"], norm=Norm("group", groups=4)),
    "squeeze-excite": with_block(NETWORKS["basic, option B"], Branch(attention=Attention("squeeze_excite", 4))),
    "blur and drop-block": with_block(
        NETWORKS["basic, option B"], Branch(antialias="blur", drop_block=0.2, drop_block_size=3)
    ),
    "learned scale": with_block(
        NETWORKS["basic, option A"], Branch(), Merge(branch_scale=0.5, branch_scaling="learned")
    ),
    "gated": with_block(NETWORKS["basic, option A"], Branch(), Merge(gate="exclusive")),
    "standardised weights": replace(NETWORKS["basic, option B"], conv_weights=ConvWeights("standardised")),
    "scalar biases": replace(NETWORKS["basic, option B"], norm=Norm("none"), biases="scalar"),
    "a leaky relu of another scale": with_activation(
        NETWORKS["basic, option B"], Activation("leaky_relu", 0.1, output_scale=1.2)
    ),
    "scaled weights": replace(NETWORKS["basic, option B"], conv_weights=ConvWeights("scaled", gain=1.7)),
    "inputs of unit variance": replace(
        with_block(with_order(NETWORKS["basic, option B"], "pre"), Branch(), Merge(branch_scale=0.2)),
        norm=Norm("none"),
        first_identity="raw",
        branch_input="unit_variance",
    ),
    "stochastic depth for each sample": replace(
        NETWORKS["basic, option A"], stochastic_depth=StochasticDepth(0.5, "sample", rule="uniform")
    ),
    "stochastic depth for each batch": replace(
        NETWORKS["basic, option A"], stochastic_depth=StochasticDepth(0.6, "batch", rule="uniform")
    ),
}


def two_nets(network: Network) -> tuple[ResidualNet, ResidualNet]:
    first, second = (build(network, seed=1).to(memory_format=torch.channels_last).train() for _ in range(2))  # pyright: ignore[reportCallIssue]
    return first, second


def images_for(network: Network) -> Tensor:
    size = 64 if network.stride > 8 else 16
    images = torch.randn(6, 3, size, size, generator=torch.Generator().manual_seed(2))
    return images.contiguous(memory_format=torch.channels_last)


def assert_same_function(own: ResidualNet, other: ResidualNet, kernels: Kernels) -> None:
    """Logits, gradients and statistics of a training pass through `own`, and through `other` fused."""
    images = images_for(own.network)
    for net, forward in ((own, own), (other, step_forward(other, kernels))):
        seed_dropout(net, 7)
        forward(images).square().sum().backward()
        fill_missing_gradients(net)
    with torch.no_grad():
        torch.testing.assert_close(step_forward(other, kernels)(images), own(images), rtol=1e-3, atol=1e-3)
    largest = max(p.grad.abs().max().item() for p in own.parameters() if p.grad is not None)
    for (path, mine), theirs in zip(other.named_parameters(), own.parameters(), strict=True):
        assert (mine.grad is not None) == (theirs.grad is not None) == mine.requires_grad, path
        if mine.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-4 * largest, msg=path)
    for (path, mine), theirs in zip(other.named_buffers(), own.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5, msg=path)


@pytest.mark.parametrize("name", VARIANTS)
def test_it_is_the_same_function_with_the_same_gradients(name: str, kernels: Kernels) -> None:
    assert_same_function(*two_nets(VARIANTS[name]), kernels)


@pytest.mark.parametrize("network", [NETWORKS["basic, option B"], VARIANTS["squeeze-excite"]])
def test_a_frozen_norm_runs_as_itself(network: Network, kernels: Kernels) -> None:
    own, other = two_nets(network)
    for net in (own, other):
        freeze(net, "stage2.block1")
    frozen = {name for name, module in other.named_modules() if isinstance(module, FrozenBatchNorm)}
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    assert_same_function(own, other, kernels)
    assert "stage2.block1.branch.norm2" in frozen
    for name, tensor in other.state_dict().items():
        if name.rsplit(".", 1)[0] in frozen:
            assert torch.equal(tensor, before[name]), name


def test_a_branch_that_is_left_out_is_not_computed(kernels: Kernels) -> None:
    network = VARIANTS["stochastic depth for each batch"]
    net, _ = two_nets(network)
    block = net.get_submodule("stage1.block1")
    run: list[int] = []
    block.get_submodule("branch").register_forward_hook(lambda *_: run.append(seed))
    expected = []
    for seed in range(12):
        seed_dropout(net, seed)
        drop = block.get_submodule("drop")
        assert isinstance(drop, DropBranch)
        expected += [] if drop.leaves_out() else [seed]
        step_forward(net, kernels)(images_for(network))
    assert run == expected
    assert 0 < len(run) < 12


def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    calls: Counter[str] = Counter()
    real = fusion.norm_rectify

    def counting(*arguments: object, addend: Tensor | None = None, **settings: object) -> object:
        calls["with an addend" if addend is not None else "alone"] += 1
        return real(*arguments, addend=addend, **settings)  # pyright: ignore[reportArgumentType, reportCallIssue]

    monkeypatch.setattr(fusion, "norm_rectify", counting)
    return calls


@pytest.mark.parametrize(
    ("name", "alone", "with_addend"),
    [
        ("basic, option A", 1 + 3, 3),  # the stem's and each block's first; each block's second with the addition
        ("basic, option B", 1 + 3 + 2, 3),  # and the norms of two projections
        ("plain", 1 + 6, 0),
        ("pre-activation", 1 + 9, 0),  # three a block and the head's; its additions stand before the next norm
        ("gelu", 4 + 3, 0),  # norms without a rectifier behind them
        ("group norm", 0, 0),
        ("squeeze-excite", 1 + 3 + 2 + 3, 0),  # behind each block's second norm there is its attention
        ("learned scale", 1 + 3 + 3, 0),
        ("gated", 1, 0),  # the stem's; such a block runs as its module
        ("standardised weights", 1 + 3 + 2, 3),
        ("a leaky relu of another scale", 4 + 3 + 2, 0),  # each norm alone: such an activation is no rectifier
        ("stochastic depth for each sample", 1, 0),
    ],
)
def test_norms_are_fused_in_every_block_that_can_be_taken_apart(
    name: str, alone: int, with_addend: int, kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch)
    network = VARIANTS[name]
    net, _ = two_nets(network)
    seed_dropout(net, 7)
    step_forward(net, kernels)(images_for(network))
    assert (calls["alone"], calls["with an addend"]) == (alone, with_addend)


def test_wide_convolutions_on_small_maps_are_computed_by_places(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = describe("resnet18", num_classes=5)
    network = replace(network, stages=tuple(replace(stage, num_blocks=1) for stage in network.stages))
    own, other = two_nets(network)
    taken: list[tuple[int, ...]] = []
    real = fusion.convolve_small_map

    def noting(conv: nn.Conv2d, x: Tensor) -> Tensor:
        taken.append(tuple(x.shape[1:]))
        return real(conv, x)

    monkeypatch.setattr(fusion, "convolve_small_map", noting)
    assert_same_function(own, other, kernels)
    small = [(128, 8, 8), (256, 4, 4), (256, 4, 4), (512, 2, 2)]  # of images of 64 pixels, from the third stage on
    assert taken == [*small, *small]  # two passes


def test_a_norm_in_eval_mode_keeps_its_statistics(kernels: Kernels) -> None:
    network = NETWORKS["basic, option B"]
    own, other = two_nets(network)
    for net in (own, other):
        for norm in net.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.eval()
    before = {name: buffer.clone() for name, buffer in other.named_buffers()}
    images = images_for(network)
    assert torch.equal(step_forward(other, kernels)(images), own(images))
    assert all(torch.equal(buffer, before[name]) for name, buffer in other.named_buffers())


def test_a_batch_of_one_number_a_channel_is_refused_as_ever(kernels: Kernels) -> None:
    net = build(NETWORKS["basic, option A"], seed=0).train()
    with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
        step_forward(net, kernels)(torch.zeros(1, 3, 1, 1))
