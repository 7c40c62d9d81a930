"""AutoInit: every weighted layer gives mean 0 and variance 1, whatever stands before it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from skipline.init import build, scheme_named
from skipline.spec import (
    Activation,
    Block,
    Branch,
    Head,
    Merge,
    Network,
    Norm,
    NoShortcut,
    PadShortcut,
    ProjectionShortcut,
    Stage,
    Stem,
    StochasticDepth,
)

WIDTH = 96
AUTOINIT = scheme_named("autoinit")


def network(block: Block, activation: Activation = Activation(), norm: Norm = Norm("none")) -> Network:  # noqa: B008
    """Two blocks and, behind a transition, one; seven 3×3 convolutions of 96 channels and more."""
    stages = (Stage(2, WIDTH, WIDTH, block=block), Stage(1, 2 * WIDTH, WIDTH, 2, block=block))
    raw = "raw" if block.order in ("pre", "act_only_pre") else "activated"
    return Network("mine", WIDTH, Stem((WIDTH,)), stages, Head(10), norm, activation, first_identity=raw)


PLAIN = Block(shortcut=NoShortcut())
PRE = Block(order="pre", shortcut=ProjectionShortcut())
NETS = {
    "plain relu": network(PLAIN),
    "plain tanh": network(PLAIN, Activation("tanh")),
    "plain gelu": network(PLAIN, Activation("gelu")),
    "plain elu": network(PLAIN, Activation("elu")),
    "residual": network(PRE),
    "residual, silu": network(PRE, Activation("silu")),
    "residual, padded": network(replace(PRE, shortcut=PadShortcut())),
    "residual, scaled": network(replace(PRE, merge=Merge(0.3, shortcut_scale=0.8))),
    "coupled halves": network(replace(PRE, coupling="additive")),
    "coupled halves, padded": network(replace(PRE, shortcut=PadShortcut(), coupling="additive")),
    "batch norm": network(PRE, norm=Norm()),
    "post-activation": network(Block(shortcut=ProjectionShortcut())),
}


def outputs_of_convolutions(net: nn.Module, images: Tensor) -> dict[str, Tensor]:
    outputs: dict[str, Tensor] = {}

    def reader(name: str) -> Any:
        def read(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            outputs[name] = output

        return read

    hooks = []
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            if isinstance(module, nn.Conv2d):
                module.padding_mode = "circular"  # a description has no border
            hooks.append(module.register_forward_hook(reader(name)))
    with torch.no_grad():
        net(images)
    for hook in hooks:
        hook.remove()
    return outputs


@pytest.mark.parametrize("kind", NETS)
def test_every_convolution_gives_variance_one(kind: str) -> None:
    """ln E[y²] varies with the weights, by 5l/n behind l layers of a plain ReLU net: 0.6 for one draw of the last."""
    draws = []
    for seed in range(8):
        net = build(NETS[kind], scheme=AUTOINIT, seed=seed).train()
        images = torch.empty(4, WIDTH, 4, 4).normal_(generator=torch.Generator().manual_seed(seed))
        draws.append({name: y.square().mean().item() for name, y in outputs_of_convolutions(net, images).items()})
    convs = [name for name in draws[0] if name != "head.linear"]
    means = {name: sum(draw[name] for draw in draws) / 8 for name in convs}
    assert len(means) >= 7
    far = {name: mean for name, mean in means.items() if not 0.55 < mean < 1.6}
    assert far == {}
    assert sum(means.values()) / len(means) == pytest.approx(1.0, abs=0.25)
    assert 0.05 < sum(draw["head.linear"] for draw in draws) / 8 < 1.5


def test_what_the_images_lack_is_made_up_for_and_hes_rule_would_not() -> None:
    """Behind a sum of independent branches E[x²] is not 1: AutoInit divides by it, He's rule does not."""
    means = {}
    for name in ("autoinit", "he_fan_in_normal"):
        net = build(network(PRE), scheme=scheme_named(name), seed=1)
        images = torch.empty(4, WIDTH, 4, 4).normal_(generator=torch.Generator().manual_seed(1))
        means[name] = outputs_of_convolutions(net, images)["stage2.block1.branch.conv1"].square().mean().item()
    assert means["autoinit"] == pytest.approx(1.0, abs=0.3)
    assert means["he_fan_in_normal"] == pytest.approx(8.0, rel=0.4)  # 2 from the stem, doubled by two blocks


def test_dropout_and_stochastic_depth_are_counted_as_they_train() -> None:
    """E[x²] behind a dropout of rate ½ is twice what it was: weights behind it have half the variance."""
    plain = build(network(PLAIN), scheme=AUTOINIT).get_parameter("stage1.block1.branch.conv2.weight")
    dropped = replace(PLAIN, branch=Branch(dropout=0.5))
    other = build(network(dropped), scheme=AUTOINIT).get_parameter("stage1.block1.branch.conv2.weight")
    torch.testing.assert_close(plain, other * 2**0.5)
    still = build(network(PRE), scheme=AUTOINIT).get_parameter("stage1.block2.branch.conv1.weight")
    depth = replace(network(PRE), stochastic_depth=StochasticDepth(0.5, "sample", "uniform"))
    # the first sum has variance 1 + 1, and with a branch that is kept half the time and doubled 1 + 2
    deep = build(depth, scheme=AUTOINIT).get_parameter("stage1.block2.branch.conv1.weight")
    torch.testing.assert_close(still, deep * 1.5**0.5)


@pytest.mark.parametrize(("pool", "mean", "variance"), [("max", 1.485013, 0.357353), ("average", 0.0, 0.25)])
def test_the_stems_pool_is_counted(pool: str, mean: float, variance: float) -> None:
    """The largest of nine normal numbers: mean 1.4850, variance 0.3574 (Harter 1961); the mean of four has ¼."""
    raw = network(PRE)
    stem = Stem((WIDTH,), pool="max" if pool == "max" else "average")
    before, behind = (
        build(net, scheme=AUTOINIT).get_parameter("stage1.block1.branch.conv1.weight").square().mean().item()
        for net in (raw, replace(raw, stem=stem))
    )
    # pre-activation: a ReLU follows; E[relu²] of N(μ, ν) by the truncated moments
    z = mean / math.sqrt(variance)
    above = 0.5 * math.erfc(-z / math.sqrt(2))
    relu = variance * ((1 + z * z) * above + z * math.exp(-z * z / 2) / math.sqrt(2 * math.pi))
    assert before / behind == pytest.approx(relu / 0.5, rel=1e-4)
