"""Every scheme, measured through the modules that it starts: variances, gradients, kinds of draw, orthogonality."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from skipline.init import SCHEMES, Scheme, build, scaled_identity, scheme_named, zero_branch, zero_gamma
from skipline.nn import ResidualNet
from skipline.spec import Activation, Block, Branch, Head, Network, Norm, NoShortcut, ProjectionShortcut, Stage, Stem
from skipline.zoo import describe

BASE_AND_ZERO_GAMMA = (scheme_named("he_fan_out_normal"), scheme_named("zero_gamma(he_fan_out_normal)"))
IN, OUT, GROUPS = 64, 128, 4
WIDE = "stage1.block1.branch.conv2"  # 3×3, IN → OUT channels

# Var(W x) over Var x for independent x of mean 0, by the paper's equations; fans with k² = 9 taps, g² = 2 for ReLU.
FAN_IN, FAN_OUT = 9 * IN, 9 * OUT
FORWARD = {
    "lecun_normal": 1.0,
    "lecun_uniform": 1.0,
    "glorot_normal": 2 * FAN_IN / (FAN_IN + FAN_OUT),
    "glorot_uniform": 2 * FAN_IN / (FAN_IN + FAN_OUT),
    "he_fan_in_normal": 2.0,
    "he_fan_in_uniform": 2.0,
    "he_fan_out_normal": 2 * FAN_IN / FAN_OUT,
    "he_fan_out_uniform": 2 * FAN_IN / FAN_OUT,
    "orthogonal": 2.0,
    "torch_default": 1 / 3 + 1 / (3 * FAN_IN),  # weights, and a bias drawn likewise
}
# Var of the gradient at the input over that at the output: the same with the fans' parts exchanged.
BACKWARD = {name: forward * FAN_OUT / FAN_IN for name, forward in FORWARD.items()} | {"torch_default": 1 / 3 * 2}
UNIFORM = {"lecun_uniform", "glorot_uniform", "he_fan_in_uniform", "he_fan_out_uniform", "torch_default"}


def plain(activation: Activation, *, groups: int, norm: Norm, num_blocks: int = 1) -> Network:
    """Plain basic blocks whose second convolution goes from IN to OUT channels."""
    block = Block(Branch(groups=groups), NoShortcut())
    stages = (Stage(num_blocks, OUT, IN, block=block),)
    return Network("plain", 3, Stem((IN,)), stages, Head(10), norm, activation)


def gaussian(*shape: int, seed: int = 11) -> Tensor:
    """Independent N(0, 1)."""
    return torch.empty(shape).normal_(generator=torch.Generator().manual_seed(seed))


def conv_of(scheme: Scheme, *, groups: int = 1) -> nn.Module:
    """The 3×3 convolution IN → OUT, with bias, that a scheme starts in a ReLU net."""
    return build(plain(Activation(), groups=groups, norm=Norm("none")), scheme=scheme, seed=4).get_submodule(WIDE)


@pytest.mark.parametrize("name", FORWARD)
def test_signal_and_gradient_are_scaled_as_the_equation_says(name: str) -> None:
    x = gaussian(4, IN, 12, 12).requires_grad_(True)
    y = conv_of(scheme_named(name))(x)
    y.backward(gaussian(4, OUT, 12, 12, seed=12))
    assert x.grad is not None
    inner = (..., slice(1, -1), slice(1, -1))  # where no zero of the border is read
    # 73,728 weights and 51,200 outputs or more: the second moments' standard deviations are below 1 %
    assert y[inner].square().mean().item() == pytest.approx(FORWARD[name], rel=0.04)
    assert x.grad[inner].square().mean().item() == pytest.approx(BACKWARD[name], rel=0.04)


@pytest.mark.parametrize("name", [name for name in FORWARD if name != "orthogonal"])
def test_groups_have_smaller_fans_and_keep_the_scale(name: str) -> None:
    y = conv_of(scheme_named(name), groups=GROUPS)(gaussian(16, IN, 12, 12))
    bias = 1 / (3 * FAN_IN) * (GROUPS - 1) if name == "torch_default" else 0.0
    assert y[..., 1:-1, 1:-1].square().mean().item() == pytest.approx(FORWARD[name] + bias, rel=0.04)


@pytest.mark.parametrize("name", FORWARD)
def test_uniform_draws_have_bounds_and_normal_ones_tails(name: str) -> None:
    basis = torch.zeros(IN, IN, 3, 3)
    basis[range(IN), range(IN), 1, 1] = 1.0
    conv = conv_of(scheme_named(name))
    taps = conv(basis) - conv(torch.zeros(1, IN, 3, 3))  # every weight of the kernel, at some pixel
    largest = taps.abs().max().item() / taps.square().mean().sqrt().item()
    if name in UNIFORM:
        assert largest == pytest.approx(math.sqrt(3), rel=0.01)
    elif name != "orthogonal":
        assert 3.5 < largest < 6.5  # of 73,728 normal draws the largest lies at 4.4 standard deviations


def patch_matrix(conv: nn.Module, in_channels: int) -> Tensor:
    """The matrix (C_out, C_in · 9) by which a 3×3 convolution multiplies a patch, read off its outputs."""
    patches = torch.eye(in_channels * 9).reshape(-1, in_channels, 3, 3)
    return conv(patches)[:, :, 1, 1].T


def test_orthogonal_rows_are_orthonormal_times_the_gain() -> None:
    matrix = patch_matrix(conv_of(scheme_named("orthogonal")), IN)
    torch.testing.assert_close(matrix @ matrix.T, 2 * torch.eye(OUT), rtol=0, atol=1e-5)


def test_orthogonal_columns_are_orthonormal_where_there_are_fewer() -> None:
    stem = build(plain(Activation("tanh"), groups=1, norm=Norm("none")), scheme=scheme_named("orthogonal"))
    matrix = patch_matrix(stem.get_submodule("stem.conv1"), 3)
    expected = 1.592537**2 * torch.eye(27)  # 64 outputs of 27 inputs; tanh's gain
    torch.testing.assert_close(matrix.T @ matrix, expected, rtol=0, atol=1e-5)


def test_orthogonal_groups_are_orthogonal_one_by_one() -> None:
    matrix = patch_matrix(conv_of(scheme_named("orthogonal"), groups=GROUPS), IN)
    torch.testing.assert_close(matrix @ matrix.T, 2 * torch.eye(OUT), rtol=0, atol=1e-5)


def test_orthogonal_matrices_are_uniform_the_signs_are_fixed() -> None:
    """Without the signs of R's diagonal LAPACK's Q has a first entry that is never positive."""
    signs = set()
    for seed in range(20):
        net = build(describe("digits_resnet8"), scheme=scheme_named("orthogonal"), seed=seed)
        signs.add(patch_matrix(net.get_submodule("stage1.block1.branch.conv1"), 8)[0, 0].sign().item())
    assert signs == {-1.0, 1.0}


@pytest.mark.parametrize("groups", [1, GROUPS])
def test_scaled_identity_multiplies_by_alpha(groups: int) -> None:
    block = Block(Branch(groups=groups), NoShortcut())
    network = Network("net", 3, Stem((8,)), (Stage(1, 8, 8, block=block),), Head(5), Norm("none"))
    net = build(network, scheme=scaled_identity(0.7))
    x = gaussian(2, 8, 5, 5)
    torch.testing.assert_close(net.get_submodule("stage1.block1.branch.conv1")(x), 0.7 * x)
    rectangular = net.get_submodule("stem.conv1")(x[:, :3])
    torch.testing.assert_close(rectangular[:, :3], 0.7 * x[:, :3])
    assert not rectangular[:, 3:].any()


@pytest.mark.parametrize("kind", ["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "identity"])
def test_he_keeps_the_second_moment_through_activation_and_convolution(kind: str) -> None:
    activation = Activation(kind, slope=0.2 if kind == "leaky_relu" else 0.0)  # pyright: ignore[reportArgumentType]
    network = plain(activation, groups=1, norm=Norm("none"))
    act, conv = "stage1.block1.branch.act1", WIDE
    measured = []
    for seed in range(12):  # a signal with a mean has a scale that varies from one draw of the weights to the next
        net = build(network, scheme=scheme_named("he_fan_in_normal"), seed=seed)
        y = net.get_submodule(conv)(net.get_submodule(act)(gaussian(2, IN, 10, 10, seed=seed)))
        measured.append(y[..., 1:-1, 1:-1].square().mean().item())
    assert sum(measured) / len(measured) == pytest.approx(1.0, rel=0.08)


WIDTH = 48
# log2 of the factor on E[x²] of one convolution and ReLU: ½ · fan_in · Var W, less its bias
SLOPES = {
    "he_fan_in_normal": 0.0,
    "he_fan_in_uniform": 0.0,
    "orthogonal": 0.0,
    "lecun_normal": -1.0,
    "torch_default": math.log2(1 / 6),
}


def moments_by_layer(name: str, seed: int) -> list[float]:
    """log2 E[x²] behind each of six layers of a plain ReLU net, over pixels that no border reaches."""
    stages = (Stage(3, WIDTH, WIDTH, block=Block(Branch(), NoShortcut())),)
    network = Network("plain", 3, Stem((WIDTH,)), stages, Head(5), Norm("none"))
    net = build(network, scheme=scheme_named(name), seed=seed)
    for key, parameter in net.named_parameters():
        if key.endswith("bias"):
            parameter.detach().zero_()
    x = net.get_submodule("stem")(gaussian(4, 3, 16, 16, seed=seed))
    moments = []
    for number in (1, 2, 3):
        for layers in (("branch.conv1", "branch.act1"), ("branch.conv2", "out")):
            for layer in layers:
                x = net.get_submodule(f"stage1.block{number}.{layer}")(x)
            moments.append(math.log2(x[..., 7:-7, 7:-7].square().mean().item()))
    return moments


@pytest.mark.parametrize("name", SLOPES)
def test_the_signal_of_a_plain_relu_net_has_the_predicted_slope(name: str) -> None:
    draws = torch.tensor([moments_by_layer(name, seed) for seed in range(24)])
    depth = torch.arange(6.0) - 2.5
    slope = ((draws * depth).sum(1) / depth.square().sum()).mean().item()
    drift = -5 / (2 * WIDTH) / math.log(2)  # the mean of a logarithm: ln ‖x‖² ~ N(−5L/2n, 5L/n) at width n
    # a layer adds variance 5/n: the slope of one draw has a standard deviation of 0.21, the mean of 24 of 0.043
    assert slope == pytest.approx(SLOPES[name] + drift, abs=0.13)


def test_every_row_says_what_it_is_and_is_named_once() -> None:
    """The rows of `elsewhere` and `residual` are measured in files of their own."""
    names = [scheme.name for scheme in SCHEMES]
    elsewhere = {"dirac", "delta_orthogonal", "looks_linear", "critical(0.05)", "autoinit"}
    residual = {"taki(1.0)", "arpit", "fixup"}
    assert set(names) == {"scaled_identity(1.0)", *FORWARD, *elsewhere, *residual}
    assert len(names) == len(set(names))
    assert all(scheme.equation and scheme.source for scheme in SCHEMES)


def test_norms_start_at_one_and_zero_and_the_classifier_at_pytorchs_default() -> None:
    net = build(describe("cifar_resnet20"), scheme=scheme_named("orthogonal"))
    norm = net.get_submodule("stage2.block1.branch.norm2")
    x = gaussian(64, 32, 4, 4)
    expected = (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(norm(x), expected, rtol=1e-3, atol=1e-4)
    head = net.get_submodule("head.linear")
    rows = head(torch.eye(64)) - head(torch.zeros(1, 64))
    bound = 1 / math.sqrt(64)
    assert rows.abs().max().item() == pytest.approx(bound, rel=0.01)
    assert 0.1 * bound < head(torch.zeros(1, 64)).abs().max().item() <= bound


def test_convolutions_biases_are_zero() -> None:
    conv = conv_of(scheme_named("he_fan_in_normal"))
    assert not conv(torch.zeros(1, IN, 3, 3)).any()


def test_zero_gamma_only_changes_the_last_norm_of_each_branch() -> None:
    network = describe("resnet18")
    base, zero = (build(network, scheme=scheme, seed=1).state_dict() for scheme in BASE_AND_ZERO_GAMMA)
    changed = {name for name in base if not torch.equal(base[name], zero[name])}
    blocks = [f"stage{stage}.block{block}" for stage in (1, 2, 3, 4) for block in (1, 2)]
    assert changed == {f"{block}.branch.norm2.weight" for block in blocks}
    assert all(not zero[name].any() for name in changed)


def test_zero_branch_is_zero_gamma_where_that_exists() -> None:
    network = describe("cifar_resnet20")
    he = scheme_named("he_fan_out_normal")
    gamma, branch = (build(network, scheme=make(he)).state_dict() for make in (zero_gamma, zero_branch))
    assert all(torch.equal(gamma[name], branch[name]) for name in gamma)


@pytest.mark.parametrize("order", ["pre", "norm_after_add"])
def test_zero_branch_otherwise_zeroes_the_last_convolution(order: str) -> None:
    block = Block(shortcut=ProjectionShortcut(), order="pre" if order == "pre" else "norm_after_add")
    network = Network("net", 3, Stem((8,)), (Stage(2, 8, 8, block=block),), Head(5))
    he = scheme_named("he_fan_out_normal")
    base, zero = (build(network, scheme=scheme).state_dict() for scheme in (he, zero_branch(he)))
    changed = {name for name in base if not torch.equal(base[name], zero[name])}
    assert changed == {f"stage1.block{number}.branch.conv2.weight" for number in (1, 2)}


@pytest.mark.parametrize("wrapped", ["zero_gamma(he_fan_out_normal)", "zero_branch(he_fan_out_normal)"])
def test_a_branch_at_zero_learns(wrapped: str) -> None:
    net: ResidualNet = build(describe("cifar_resnet20"), scheme=scheme_named(wrapped))
    net(gaussian(8, 3, 16, 16)).square().sum().backward()
    for number in (1, 2, 3):
        gradient = net.get_parameter(f"stage2.block{number}.branch.norm2.weight").grad
        assert gradient is not None
        assert gradient.any()
