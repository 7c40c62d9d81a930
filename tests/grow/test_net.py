"""A deeper net is the same function, bit for bit, in both modes; and its new blocks learn."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from skipline.grow import GrowError, deepened, deeper, plan_deepening, with_blocks
from skipline.init import InitError, scheme_named
from skipline.nn import ResidualNet, freeze, seed_dropout
from skipline.spec import (
    Activation,
    Attention,
    Block,
    Branch,
    ConvWeights,
    Merge,
    Network,
    Norm,
    NoShortcut,
    StochasticDepth,
)
from skipline.zoo import describe

from .nets import images, small, trained

LEARNED = Merge(branch_scale=0.0, branch_scaling="learned")
NONE = Norm("none")

NETWORKS: dict[str, tuple[Network, int]] = {
    "cifar_resnet": (describe("cifar_resnet8"), 20),
    "cifar_resnet, option B": (describe("cifar_resnet8_b"), 14),
    "cifar_preresnet, bottleneck": (describe("cifar_preresnet11"), 29),
    "cifar_preresnet, basic": (describe("cifar_preresnet_basic8"), 20),
    "wide": (describe("cifar_wrn10_2"), 22),
    "original bottleneck": (describe("cifar_resnet_bottleneck11"), 20),
    "ReLU-only pre-activation": (describe("cifar_resnet8_relu_only_preactivation"), 14),
    "act_before_add, GELU": (small(block=Block(order="act_before_add"), activation=Activation("gelu")), 12),
    "act_before_add, learned scale": (small(block=Block(merge=LEARNED, order="act_before_add")), 12),
    "SkipInit": (small(block=Block(merge=LEARNED, order="pre"), norm=NONE), 16),
    "learned scale from 0.3": (small(block=Block(merge=Merge(0.3, "learned"))), 12),
    "no norm": (small(norm=NONE), 16),
    "no norm, branch scale 0.5": (small(block=Block(merge=Merge(0.5)), norm=NONE), 16),
    "group norm": (small(norm=Norm("group", groups=2)), 12),
    "group norm, pre": (small(block=Block(order="pre"), norm=Norm("group", groups=4)), 12),
    "layer norm, standardised weights": (small(norm=Norm("layer"), conv_weights=ConvWeights("standardised")), 12),
    "tanh, pre": (small(block=Block(order="pre"), activation=Activation("tanh")), 12),
    "squeeze-and-excitation": (small(block=Block(Branch(attention=Attention("squeeze_excite")))), 12),
    "groups": (small(block=Block(Branch("bottleneck", groups=2, stride_at="middle"))), 17),
    "stages of unequal length": (small(num_blocks=(1, 3, 2)), 26),
    "coupled halves": (small(block=Block(order="pre", coupling="additive"), num_blocks=(2, 3)), 20),
    "coupled halves, batch norm at the end": (small(block=Block(order="act_only_pre", coupling="additive")), 16),
    "plain, no norm": (small(block=Block(shortcut=NoShortcut()), norm=NONE), 16),
}


def same(old: ResidualNet, new: ResidualNet, x: Tensor) -> bool:
    """Whether both are the same function of `x` in both modes, every bit, the old layers' statistics included."""
    first, second = copy.deepcopy(old), copy.deepcopy(new)
    with torch.no_grad():
        pairs = [(first.eval()(x), second.eval()(x)), (first.train()(x), second.train()(x))]
    moved = dict(second.named_buffers())
    names = plan_deepening(old.network, new.network).renamed(dict(first.named_buffers()))
    pairs += [(buffer, moved[names[name]]) for name, buffer in first.named_buffers()]
    return all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_function_is_the_same_to_the_bit(kind: str) -> None:
    network, depth = NETWORKS[kind]
    net = trained(network)
    target = deeper(network, depth)
    new = deepened(net, target, seed=0)
    assert new.network == target
    assert same(net, new, images(6, size=8))
    # Not because the new blocks are idle in general: with other numbers in their last layer it is another function.
    with torch.no_grad():
        for block in plan_deepening(network, target).inserted:
            for step in (*block.identity.zero, *block.identity.dirac):
                for parameter in new.get_submodule(step.name).parameters():
                    parameter.add_(0.1)
    assert not same(net, new, images(6, size=8))


@pytest.mark.parametrize(("name", "depth"), [("resnet18", 34), ("resnet50", 101), ("seresnext26d_32x4d", 0)])
def test_between_published_networks(name: str, depth: int) -> None:
    """With few channels: a description's widths do not matter to what is inserted."""
    network = _thin(describe(name, num_classes=5))
    target = _thin(describe(f"resnet{depth}", num_classes=5)) if depth else _longer(network)
    net = trained(network)
    assert same(net, deepened(net, target, seed=0), images(2, size=32))


def _thin(network: Network) -> Network:
    stages = tuple(
        replace(stage, channels=stage.channels // 8, inner_channels=stage.inner_channels // 4)
        for stage in network.stages
    )
    return replace(network, stem=replace(network.stem, channels=(8,) * len(network.stem.channels)), stages=stages)


def _longer(network: Network) -> Network:
    return replace(
        network, stages=tuple(replace(stage, num_blocks=2 * stage.num_blocks + 1) for stage in network.stages)
    )


def test_the_published_pair_of_photograph_networks() -> None:
    """The real widths, once."""
    net = trained(describe("resnet18", num_classes=3))
    assert same(net, deepened(net, describe("resnet34", num_classes=3), seed=0), images(2, size=32))


@pytest.mark.parametrize("kind", ["cifar_resnet", "cifar_preresnet, bottleneck", "SkipInit", "group norm", "no norm"])
def test_a_step_moves_every_new_block_and_two_steps_all_of_it(kind: str) -> None:
    network, depth = NETWORKS[kind]
    net = trained(network)
    new = deepened(net, deeper(network, depth), seed=0).train()
    plan = plan_deepening(network, new.network)
    before = {name: parameter.detach().clone() for name, parameter in new.named_parameters()}
    optimiser = torch.optim.SGD(new.parameters(), lr=0.05)
    moved = []
    for _ in range(2):
        optimiser.zero_grad()
        cross_entropy(new(images(16)), torch.arange(16) % 5).backward()
        optimiser.step()
        moved.append({name for name, parameter in new.named_parameters() if not torch.equal(parameter, before[name])})
    for block in plan.inserted:
        zero = {f"{step.name}.weight" for step in block.identity.zero} | {f"{block.name}.branch.scale.factor"}
        assert zero & moved[0], block.name
        inside = [name for name in before if name.startswith(f"{block.name}.") and name.endswith("conv1.weight")]
        assert inside
        assert not set(inside) & moved[0], "behind a zero nothing is to be learnt yet"
        assert set(inside) <= moved[1], block.name


def test_nothing_is_shared_and_the_old_net_stays() -> None:
    net = trained(small())
    kept = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    new = deepened(net, deeper(net.network, 12), seed=0)
    with torch.no_grad():
        for tensor in new.state_dict().values():
            tensor.add_(1.0)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in net.state_dict().items())


def test_new_weights_depend_on_the_seed_and_on_no_old_ones() -> None:
    net = trained(small())
    target = deeper(net.network, 16)
    first, again, other = (deepened(net, target, seed=seed).state_dict() for seed in (0, 0, 1))
    name = "stage1.block2.branch.conv1.weight"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])
    # The old net had a block of a new one's name, from the same seed: the new one begins with other numbers.
    assert not torch.equal(
        first["stage2.block2.branch.conv1.weight"], trained(small()).state_dict()["stage2.block2.branch.conv1.weight"]
    )


def test_the_scheme_starts_the_new_blocks() -> None:
    net = trained(small())
    new = deepened(net, deeper(net.network, 12), seed=0, scheme=scheme_named("scaled_identity(0.5)"))
    weight = new.get_parameter("stage1.block2.branch.conv1.weight")
    assert torch.equal(weight[:, :, 1, 1], 0.5 * torch.eye(4))
    plain = trained(small(block=Block(shortcut=NoShortcut()), norm=NONE))
    with pytest.raises(InitError, match="is plain: with its branch at zero nothing would pass"):
        deepened(plain, deeper(plain.network, 12), seed=0, scheme=scheme_named("zero_branch(he_fan_out_normal)"))


def test_layout_dtype_and_mode_are_those_of_the_neighbours() -> None:
    net = trained(small()).double().to(memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]
    net.stage2.train()
    new = deepened(net, deeper(net.network, 12), seed=0)
    assert {parameter.dtype for parameter in new.parameters()} == {torch.float64}
    weight = new.get_parameter("stage1.block2.branch.conv1.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
    assert not new.get_submodule("stage1.block2").training
    assert new.get_submodule("stage2.block3").training
    assert weight.requires_grad


def test_what_was_frozen_stays_frozen() -> None:
    net = trained(small())
    freeze(net, "stage1")
    new = deepened(net, deeper(net.network, 12), seed=0).train()
    x = images(6)
    with torch.no_grad():
        assert torch.equal(copy.deepcopy(net).train()(x), new(x))
    assert not new.get_parameter("stage1.block1.branch.conv1.weight").requires_grad
    assert new.get_parameter("stage1.block2.branch.conv1.weight").requires_grad


def test_stochastic_depth_has_the_rates_of_the_new_places() -> None:
    """rate · l / L for block l of L: three blocks become five; the first old one is l = 1, the last l = 4."""
    net = trained(small(stochastic_depth=StochasticDepth(0.6)))
    new = deepened(net, deeper(net.network, 12), seed=0)
    names = ["stage1.block1", "stage1.block2", "stage2.block1", "stage2.block2", "stage2.block3"]
    rates = [new.get_submodule(f"{name}.drop").rate for name in names]
    assert rates == pytest.approx([0.12, 0.24, 0.36, 0.48, 0.6])
    x = images()
    with torch.no_grad():
        assert torch.equal(net.eval()(x), new.eval()(x))
    seed_dropout(new, 3)
    new.train()(x)


def test_norms_on_the_way_are_sent_to_the_other_function() -> None:
    net = trained(small(block=Block(shortcut=NoShortcut())))
    with pytest.raises(GrowError) as refused:
        deepened(net, deeper(net.network, 12), seed=0)
    assert "small-12: its new blocks let x pass through norms (stage1.block2.branch.norm1)" in str(refused.value)
    assert "Use deepened_on(net, target, images=…)" in str(refused.value)


def test_the_new_blocks_of_another_net() -> None:
    """As for an average of weights, which gets the blocks of the net that it follows."""
    first, second = trained(small(), seed=1), trained(small(), seed=2)
    target = deeper(small(), 12)
    plan = plan_deepening(small(), target)
    new = deepened(first, target, seed=0)
    own = with_blocks(second, plan, {block.name: new.get_submodule(block.name) for block in plan.inserted})
    assert same(second, own, images())
    name = "stage1.block2.branch.conv1.weight"
    assert torch.equal(own.get_parameter(name), new.get_parameter(name))
    assert own.get_parameter(name) is not new.get_parameter(name)
