"""Networks without norms: what each starts as, how its signal grows, and which are refused; through built modules."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy

from skipline.init import build, gain, scheme_named
from skipline.init.parameterisations import (
    with_depth_scaling,
    with_dks,
    with_fixup,
    with_normaliser_free,
    with_rezero,
    with_scaled_weights,
    with_skip_init,
    with_tat,
)
from skipline.nn import ResidualNet
from skipline.signal import features
from skipline.spec import (
    Activation,
    Block,
    Branch,
    ConvWeights,
    Head,
    Merge,
    Network,
    Norm,
    NoShortcut,
    ProjectionShortcut,
    SpecError,
    Stage,
    Stem,
    unfold,
)
from skipline.spec.block import Order

HE = scheme_named("he_fan_in_normal")


def gaussian(*shape: int, seed: int = 1) -> Tensor:
    return torch.empty(shape).normal_(generator=torch.Generator().manual_seed(seed))


def residual(order: Order = "pre", *, width: int = 8, num_blocks: int = 3, **changes: Any) -> Network:
    """Two stages with batch norms and projections."""
    block = Block(Branch(), ProjectionShortcut(), Merge(), order)
    stages = tuple(Stage(num_blocks, width * n, width * n, stride=n, block=block) for n in (1, 2))
    return replace(Network("net", 3, Stem((width,)), stages, Head(4)), **changes)


# ---- branches that start at 0


STARTS: dict[str, tuple[Network, str]] = {
    "Fixup": (with_fixup(residual("post")), "zero_branch(he_fan_in_normal)"),
    "Fixup with its own scheme": (with_fixup(residual("post")), "fixup"),
    "Fixup, pre-activation": (with_fixup(residual("pre", first_identity="raw")), "zero_branch(he_fan_in_normal)"),
    "SkipInit": (with_skip_init(residual("pre", first_identity="raw")), "he_fan_in_normal"),
    "SkipInit, original block": (with_skip_init(residual("post")), "he_fan_in_normal"),
    "ReZero": (with_rezero(residual("pre")), "he_fan_in_normal"),
    "ReZero, activation before the addition": (with_rezero(residual("act_before_add")), "he_fan_in_normal"),
}


def stepped(net: ResidualNet) -> None:
    """One step of gradient descent on a batch of four classes."""
    cross_entropy(net(gaussian(8, 3, 8, 8)), torch.arange(8) % 4).backward()
    with torch.no_grad():
        for parameter in net.parameters():
            assert parameter.grad is not None
            parameter -= 0.5 * parameter.grad
            parameter.grad = None


@pytest.mark.parametrize("case", STARTS)
def test_blocks_start_as_their_shortcut_and_leave_it_with_the_first_step(case: str) -> None:
    network, scheme = STARTS[case]
    net = build(network, scheme=scheme_named(scheme), seed=2)
    behind = (lambda x: x.clamp(min=0)) if network.stages[0].block.order == "post" else (lambda x: x)
    names = [block.name for block in unfold(network).blocks]
    images = {name: gaussian(2, 8 if name < "stage2" or name == "stage2.block1" else 16, 6, 6) for name in names}
    for name in names:
        block, x = net.get_submodule(name), images[name]
        h = block.get_submodule("entry")(x) if name == "stage2.block1" else x
        assert torch.equal(block(x), behind(block.get_submodule("shortcut")(h)))
    for _ in range(2 if scheme == "fixup" else 1):  # whose classifier starts at 0: it moves first, alone
        stepped(net)
    for name in names:
        block, x = net.get_submodule(name), images[name]
        h = block.get_submodule("entry")(x) if name == "stage2.block1" else x
        moved = block(x) - behind(block.get_submodule("shortcut")(h))
        assert moved.abs().max().item() > 1e-6, name


@pytest.mark.parametrize("case", ["Fixup, pre-activation", "SkipInit", "ReZero"])
def test_the_jacobian_of_a_deep_stage_is_the_identity(case: str) -> None:
    """Of thirty blocks."""
    network, scheme = STARTS[case]
    deep = replace(network, stages=(replace(network.stages[0], num_blocks=30),))
    stage = build(deep, scheme=scheme_named(scheme)).get_submodule("stage1")
    jacobian = torch.autograd.functional.jacobian(stage, gaussian(1, 8, 2, 2))
    assert isinstance(jacobian, Tensor)
    assert torch.equal(jacobian.reshape(32, 32), torch.eye(32))


def test_fixup_is_the_papers_block() -> None:
    """Its figure 1: a scalar before each convolution and activation, one multiplier a branch, no other bias."""
    network = with_fixup(residual("post"))
    assert [
        step.name.rsplit(".", 1)[1] for step in (*unfold(network).blocks[1].branch, *unfold(network).blocks[1].out)
    ] == (["shift_conv1", "conv1", "shift_act1", "act1", "shift_conv2", "conv2", "scale", "shift_act", "act"])
    net = build(network)
    assert net.get_parameter("stage1.block2.branch.scale.factor").item() == 1.0
    biases = [name for name, _ in net.named_parameters() if name.endswith("bias")]
    assert biases == ["head.linear.bias"]


# ---- the second moment


def scaled_orthogonal(net: ResidualNet, seed: int) -> ResidualNet:
    """`net` with zero kernels but for orthogonal centre taps of its activation's gain: no border loses anything.

    Where channels grow by r the rows are scaled by √r, so that each output's variance is that of an input.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            outgoing, incoming, side, _ = module.weight.shape
            taps = torch.nn.init.orthogonal_(torch.empty(outgoing, incoming), generator=generator)
            with torch.no_grad():
                module.weight.zero_()
                module.weight[:, :, side // 2, side // 2] = (
                    gain(net.network.activation) * max(1.0, outgoing / incoming) ** 0.5 * taps
                )
    return net


@pytest.mark.parametrize(("num_blocks", "a"), [(8, 1.0), (32, 1.0), (32, 1.5)])
def test_branches_over_the_root_of_the_depth_stay_below_e(num_blocks: int, a: float) -> None:
    """E[x²] grows by (1 + a²/L)^L < e^(a²)."""
    one = residual(width=32, norm=Norm("none"), first_identity="raw")
    one = replace(one, stages=(replace(one.stages[0], num_blocks=num_blocks),))
    last = f"stage1.block{num_blocks}.sum"
    growth = {}
    for name, network in {"scaled": with_depth_scaling(one, a=a), "as it comes": one}.items():
        ratios = []
        for seed in range(4):
            net = scaled_orthogonal(build(network, scheme=HE, seed=seed), seed)
            with torch.no_grad():
                read = features(net, gaussian(8, 3, 4, 4, seed=seed), ["stem", last])
            ratios.append((read[last].square().mean() / read["stem"].square().mean()).item())
        growth[name] = sum(ratios) / len(ratios)
    assert growth["scaled"] == pytest.approx((1 + a * a / num_blocks) ** num_blocks, rel=0.15)
    assert growth["as it comes"] > 2 ** (0.7 * num_blocks)


@pytest.mark.parametrize("kind", ["relu", "silu"])
def test_the_variance_behind_a_block_is_the_predicted_one(kind: Any) -> None:
    """1 + i α² behind block i, and again from 1 + α² behind a projection; borders lose up to a tenth of it."""
    network = with_normaliser_free(residual(width=24, num_blocks=6, activation=Activation(kind)), alpha=0.5)
    names = [f"stage{stage}.block{block}.sum" for stage in (1, 2) for block in (1, 3, 6)]
    moments = torch.zeros(6)
    for seed in range(3):
        net = build(network, scheme=HE, seed=seed)
        with torch.no_grad():
            read = features(net, gaussian(2, 3, 56, 56, seed=seed), names)
        moments += torch.stack([read[name].square().mean() for name in names]) / 3
    assert moments.tolist() == pytest.approx([1.25, 1.75, 2.5, 1.25, 1.75, 2.5], rel=0.15)
    assert moments[3] < 0.7 * moments[2]


@pytest.mark.parametrize(("kind", "variance"), [("relu", (1 - 1 / math.pi) / 2), ("silu", 0.3131), ("identity", 1.0)])
def test_scaled_weights_take_the_gain_of_the_activation(kind: Any, variance: float) -> None:
    """1/√Var φ(z), z ~ N(0, 1)."""
    network = with_scaled_weights(residual(activation=Activation(kind)))
    assert network.conv_weights.kind == "scaled"
    assert network.conv_weights.gain == pytest.approx(variance**-0.5, rel=1e-3)
    assert network.norm == Norm()


# ---- correlations


WIDTH = 96


def plain(num_blocks: int, activation: Activation) -> Network:
    """3 · num_blocks + 1 activations one after another."""
    stages = (Stage(num_blocks, WIDTH, WIDTH, block=Block(Branch("bottleneck"), NoShortcut())),)
    return Network("plain", 3, Stem((WIDTH,)), stages, Head(4), Norm("none"), activation)


def pair(correlation: float, seed: int) -> Tensor:
    """Two images whose pixels, each of second moment 1, have this correlation."""
    first, second = (gaussian(1, 3, 4, 4, seed=s) for s in (seed, seed + 100))
    first = first / first.norm(dim=1, keepdim=True)
    second = second - first * (first * second).sum(1, keepdim=True)
    second = correlation * first + math.sqrt(1 - correlation**2) * second / second.norm(dim=1, keepdim=True)
    return math.sqrt(3) * torch.cat((first, second))


def correlation_behind(network: Network, correlation: float) -> tuple[float, float]:
    """Correlation and second moment behind the last block, over pixels and four draws of the weights."""
    last = f"stage1.block{network.num_blocks}.out"
    found = []
    for seed in range(4):
        net = scaled_orthogonal(build(network, scheme=HE, seed=seed), seed)
        with torch.no_grad():
            first, second = features(net, pair(correlation, seed), [last])[last]
        found.append((cosine_similarity(first, second, dim=0).mean().item(), first.square().mean().item()))
    correlations, moments = zip(*found, strict=True)
    return sum(correlations) / 4, sum(moments) / 4


def test_a_tailored_slope_keeps_orthogonal_inputs_apart() -> None:
    """C(0) = 0.9 behind 37 activations (TAT), where ReLU comes to 0.98."""
    network = with_tat(plain(12, Activation()))
    assert correlation_behind(network, 0.0)[0] == pytest.approx(0.9, abs=0.05)
    assert correlation_behind(plain(12, Activation()), 0.0)[0] > 0.96


def test_a_shaped_kernel_keeps_inputs_apart_where_relu_has_collapsed() -> None:
    """52 activations with Q(1) = 1, C(0) = 0, C′(1) = 1.5 (DKS): C is convex, so C(c) is between 1.5c − 0.5 and c."""
    network = with_dks(plain(17, Activation("silu")))
    apart, moment = correlation_behind(network, 0.0)
    assert apart == pytest.approx(0.0, abs=0.05)
    assert moment == pytest.approx(1.0, rel=0.15)
    assert 0.7 - 0.05 < correlation_behind(network, 0.8)[0] < 0.8
    assert correlation_behind(plain(17, Activation()), 0.0)[0] > 0.97


# ---- refusals


def stages_with(block: Block) -> tuple[Stage, ...]:
    return tuple(replace(stage, block=block) for stage in residual().stages)


PLAIN = residual(stages=stages_with(Block(Branch(), NoShortcut(), order="pre")))
GATED = residual(stages=stages_with(Block(Branch(), ProjectionShortcut(), Merge(gate="shortcut"), "pre")))
SCALED = residual(stages=stages_with(Block(Branch(), ProjectionShortcut(), Merge(shortcut_scale=0.5), "pre")))
SUMS: dict[str, Callable[[Network], Network]] = {
    "with_fixup": with_fixup,
    "with_skip_init": with_skip_init,
    "with_rezero": with_rezero,
    "with_depth_scaling": with_depth_scaling,
    "with_normaliser_free": with_normaliser_free,
}


@pytest.mark.parametrize("name", SUMS)
def test_what_is_no_sum_of_an_identity_and_a_branch_is_refused(name: str) -> None:
    for network, message in (
        (PLAIN, f"net: stage1 is plain, and {name} scales what is added to a shortcut. Give its blocks one."),
        (GATED, f"net: stage1 has a gate, which scales the branch already. Use gate='none' for {name}."),
        (
            SCALED,
            f"net: stage1 multiplies its shortcut by 0.5, and {name} is made for an identity. Use shortcut_scale=1.",
        ),
    ):
        with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
            SUMS[name](network)


REFUSED: list[tuple[Callable[[], Network], str]] = [
    (
        lambda: with_fixup(residual(conv_weights=ConvWeights("standardised"))),
        "net: with_fixup starts weights at a scale of its own, and those of kind 'standardised' have none. "
        "Use ConvWeights().",
    ),
    (
        lambda: with_rezero(residual("post")),
        "net: stage1 has order 'post', with an activation behind the addition: with_rezero would not start as the "
        "identity. Use order 'pre', or with_skip_init.",
    ),
    (
        lambda: with_normaliser_free(residual("post")),
        "net: stage1 has order 'post'; the variance of with_normaliser_free is that of sums in order 'pre'. Use that.",
    ),
    (
        lambda: with_tat(residual(num_blocks=1)),
        "net: with ReLU orthogonal inputs come to a correlation of",
    ),
    (
        lambda: with_dks(residual(activation=Activation("tanh"))),
        "net: stage1 adds 1 f(x) to 1 x, which multiplies the second moment by 2;",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_a_parameterisation_that_would_not_be_its_equation_is_refused(
    make: Callable[[], Network], message: str
) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        make()
