"""Building: streams of their own for every layer, and networks that a scheme refuses."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from skipline.init import HE_FAN_OUT_NORMAL, SCHEMES, InitError, Scheme, build, initialise, scheme_named
from skipline.nn import assemble, freeze
from skipline.spec import (
    Activation,
    Attention,
    Block,
    Branch,
    ConvWeights,
    Head,
    Merge,
    Network,
    Norm,
    NoShortcut,
    PadShortcut,
    Stage,
    Stem,
)
from skipline.spec.block import AttentionKind, Order
from skipline.zoo import describe


def test_one_seed_gives_the_same_weights_and_another_seed_others() -> None:
    network = describe("cifar_resnet20")
    one, same, other = (build(network, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    drawn = [name for name in one if name.endswith(("conv1.weight", "conv2.weight")) or name.startswith("head")]
    assert len(drawn) == 21
    assert not any(torch.equal(one[name], other[name]) for name in drawn)


def test_a_layers_weights_do_not_depend_on_the_layers_around_it() -> None:
    short, long = build(describe("cifar_resnet20")).state_dict(), build(describe("cifar_resnet32")).state_dict()
    assert set(short) < set(long)
    assert all(torch.equal(short[name], long[name]) for name in short)


def test_no_two_layers_draw_the_same_numbers() -> None:
    weights = build(describe("cifar_resnet56")).state_dict()
    kernels = [weight for name, weight in weights.items() if weight.shape == (16, 16, 3, 3)]
    assert len(kernels) == 18
    assert len({tuple(kernel.flatten().tolist()) for kernel in kernels}) == 18


def test_the_default_is_he_with_fan_out_from_seed_zero() -> None:
    network = describe("cifar_resnet20")
    default, named = build(network), build(network, seed=0, scheme=scheme_named("he_fan_out_normal"))
    assert all(torch.equal(value, named.state_dict()[name]) for name, value in default.state_dict().items())


def test_a_frozen_net_starts_anew_as_any_other() -> None:
    net = build(describe("cifar_resnet20"))
    freeze(net, "stage2")
    with torch.no_grad():
        for tensor in net.state_dict().values():
            tensor.fill_(7.0)
    initialise(net, scheme=HE_FAN_OUT_NORMAL, seed=3)
    expected = build(describe("cifar_resnet20"), seed=3).state_dict()
    assert [name for name, tensor in net.state_dict().items() if not torch.equal(tensor, expected[name])] == []


def test_nothing_is_left_unset() -> None:
    for norm in (Norm(), Norm("group", groups=4), Norm("none")):
        net = build(replace(describe("cifar_resnet20"), norm=norm))
        assert all(tensor.isfinite().all() for tensor in net.state_dict().values())


def test_initialising_again_forgets_the_training() -> None:
    net = build(describe("cifar_resnet20"), seed=3)
    expected = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net(torch.ones(4, 3, 8, 8))
    assert not torch.equal(net.get_buffer("stem.norm1.running_mean"), expected["stem.norm1.running_mean"])
    initialise(net, scheme=HE_FAN_OUT_NORMAL, seed=3)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in net.state_dict().items())


def test_on_the_meta_device_nothing_is_allocated() -> None:
    net = assemble(describe("resnet50"), device="meta")
    initialise(net, scheme=HE_FAN_OUT_NORMAL, seed=0)
    assert all(tensor.is_meta for tensor in net.state_dict().values())


def network_with(order: Order, norm: Norm, activation: Activation, *, is_plain: bool = False) -> Network:
    """One residual or plain stage."""
    block = Block(shortcut=NoShortcut() if is_plain else PadShortcut(), order=order)
    return Network("mine", 3, Stem((8,)), (Stage(2, 8, 8, block=block),), Head(5), norm, activation)


def with_attention(kind: AttentionKind) -> Network:
    """One block of 64 channels, with a learned scale of 0.25 behind its attention."""
    block = Block(Branch(attention=Attention(kind)), merge=Merge(branch_scale=0.25, branch_scaling="learned"))
    return Network("mine", 3, Stem((64,)), (Stage(1, 64, 64, block=block),), Head(5))


NOT_WITH_NORMS = {"looks_linear", "critical(0.05)", "fixup"}
RESCALING = {"delta_orthogonal", "autoinit", "taki(1.0)", "arpit"}  # refused where filters are rescaled anyway
STARTING = [scheme for scheme in SCHEMES if scheme.name not in NOT_WITH_NORMS]


@pytest.mark.parametrize(
    ("kind", "bounds"),
    [  # 1/√fan_in: 64 channels squeezed to 8, and back; a filter of 3 channels
        ("squeeze_excite", {"fc1.weight": 1 / 8, "fc1.bias": 1 / 8, "fc2.weight": 8**-0.5, "fc2.bias": 8**-0.5}),
        ("eca", {"conv.weight": 3**-0.5}),
    ],
)
@pytest.mark.parametrize("scheme", STARTING, ids=lambda scheme: scheme.name)
def test_attention_starts_at_pytorchs_default_in_every_scheme(
    scheme: Scheme, kind: AttentionKind, bounds: dict[str, float]
) -> None:
    attention = build(with_attention(kind), scheme=scheme).get_submodule("stage1.block1.branch.attention")
    assert {name for name, _ in attention.named_parameters()} == set(bounds)
    for name, parameter in attention.named_parameters():
        largest = parameter.abs().max().item()
        assert largest <= bounds[name]
        assert parameter.numel() < 50 or largest > 0.9 * bounds[name]


def test_a_learned_scale_starts_where_the_description_says() -> None:
    for scheme in STARTING:
        scale = build(with_attention("eca"), scheme=scheme).get_parameter("stage1.block1.branch.scale.factor")
        assert (scale.item(), scale.shape) == (0.25, ())


def test_learned_shifts_start_at_0_and_gains_at_1_in_every_scheme() -> None:
    network = replace(network_with("post", Norm("none"), RELU), biases="scalar", conv_weights=ConvWeights("scaled"))
    for scheme in (scheme for scheme in STARTING if scheme.name not in RESCALING):
        parameters = dict(build(network, scheme=scheme).named_parameters())
        offsets = [tensor for name, tensor in parameters.items() if name.endswith(".offset")]
        gains = [tensor for name, tensor in parameters.items() if name.endswith(".gain")]
        assert (len(offsets), len(gains)) == (1 + 2 * 4 + 1, 1 + 2 * 2)
        assert not any(tensor.any() for tensor in offsets)
        assert all((tensor == 1).all() for tensor in gains)


RELU = Activation()
REFUSED = {
    "zero_branch, a scale that starts at zero": (
        "zero_branch",
        replace(
            network_with("post", Norm(), RELU),
            stages=(Stage(1, 8, 8, block=Block(merge=Merge(branch_scale=0.0, branch_scaling="learned"))),),
        ),
        "mine: stage1 scales its branch by a learned number that starts at 0: with the branch at zero too neither of "
        "them could ever move. Use a scheme without zero_gamma or zero_branch, or another Merge.branch_scale.",
    ),
    "zero_gamma, pre": (
        "zero_gamma",
        network_with("pre", Norm(), RELU),
        "mine: zero_gamma sets γ = 0 in the norm behind a branch's last convolution; stage1.block1 ends its "
        "branch in a convolution. Use zero_branch, which then sets that convolution's weights to 0.",
    ),
    "zero_gamma, norm after the addition": (
        "zero_gamma",
        network_with("norm_after_add", Norm(), RELU),
        "stage1.block1 ends its branch in a convolution. Use zero_branch",
    ),
    "zero_gamma, no norm": (
        "zero_gamma",
        network_with("post", Norm("none"), RELU),
        "stage1.block1 has no norm. Use zero_branch, which then sets that convolution's weights to 0.",
    ),
    "zero_branch, plain": (
        "zero_branch",
        network_with("post", Norm(), RELU, is_plain=True),
        "mine: stage1 is plain: with its branch at zero nothing would pass. "
        "Use a scheme without zero_gamma or zero_branch, or blocks with a shortcut.",
    ),
    "zero_branch, a ReLU behind the branch": (
        "zero_branch",
        network_with("act_before_add", Norm(), RELU),
        "mine: stage1 ends its branch in the activation 'relu', whose slope at zero is zero: a branch that starts at "
        "zero would stay there. Use a scheme without zero_gamma or zero_branch, or order='post'.",
    ),
    "zero_gamma, a ReLU behind the branch": (
        "zero_gamma",
        network_with("act_before_add", Norm(), Activation("leaky_relu", 0.0)),
        "stage1 ends its branch in the activation 'leaky_relu', whose slope at zero is zero",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_network_that_could_not_learn_is_refused(case: str) -> None:
    wrapper, network, message = REFUSED[case]
    with pytest.raises(InitError, match=re.escape(message)):
        build(network, scheme=scheme_named(f"{wrapper}(he_fan_out_normal)"))


def test_what_a_wrapped_scheme_refuses_stays_refused() -> None:
    """zero_branch alone could start this network; what it wraps could not."""
    network = network_with("pre", Norm(), RELU)
    build(network, scheme=scheme_named("zero_branch(orthogonal)"))
    with pytest.raises(InitError, match="mine: zero_gamma sets γ = 0"):
        build(network, scheme=scheme_named("zero_branch(zero_gamma(orthogonal))"))


@pytest.mark.parametrize("activation", [Activation("tanh"), Activation("leaky_relu", 0.1), Activation("gelu")], ids=str)
def test_an_activation_with_a_slope_at_zero_lets_a_zero_branch_learn(activation: Activation) -> None:
    net = build(network_with("act_before_add", Norm(), activation), scheme=scheme_named("zero_gamma(orthogonal)"))
    net(torch.empty(4, 3, 8, 8).normal_(generator=torch.Generator().manual_seed(1))).square().sum().backward()
    gradient = net.get_parameter("stage1.block1.branch.norm2.weight").grad
    assert gradient is not None
    assert gradient.any()


def test_a_refused_network_is_left_as_it_was() -> None:
    net = assemble(network_with("pre", Norm(), RELU))
    with pytest.raises(InitError):
        initialise(net, scheme=scheme_named("zero_gamma(orthogonal)"), seed=0)
    assert all(tensor.isnan().all() for tensor in net.state_dict().values())
