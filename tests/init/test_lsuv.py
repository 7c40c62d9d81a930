"""LSUV: unit variance behind every layer, in one pass, and nothing else changed."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from skipline.init import InitError, build, scheme_named, start, start_named
from skipline.init.lsuv import lsuv
from skipline.nn import ResidualNet, assemble, seed_dropout
from skipline.spec import (
    Block,
    Branch,
    ConvWeights,
    Head,
    Merge,
    Network,
    Norm,
    NoShortcut,
    Stage,
    Stem,
    StochasticDepth,
)
from skipline.zoo import describe

PLAIN = Block(shortcut=NoShortcut())


def network(block: Block = PLAIN, norm: Norm = Norm("none")) -> Network:  # noqa: B008
    stages = (Stage(6, 16, 16, block=block), Stage(2, 32, 32, 2, block=block))
    return Network("mine", 3, Stem((16,)), stages, Head(10), norm)


NETS = {
    "plain": network(),
    "residual": network(Block()),
    "pre-activation": network(Block(order="pre")),
    "skipinit": network(Block(merge=Merge(0.0, "learned"))),
    "batch norm": network(Block(), Norm()),
    "dropped": replace(network(Block(Branch(dropout=0.3))), stochastic_depth=StochasticDepth(0.5)),
}


def images(seed: int = 1) -> Tensor:
    return 3 * torch.empty(8, 3, 8, 8).normal_(generator=torch.Generator().manual_seed(seed)) + 1


def started(net: Network, seed: int = 2) -> ResidualNet:
    module = assemble(net)
    start(module, start_named("lsuv"), images=images(), targets=torch.zeros(8, dtype=torch.int64), seed=seed)
    return module


def deviations(net: ResidualNet) -> dict[str, float]:
    """The standard deviation behind every layer with weights, with the batch's statistics and nothing dropped."""
    found: dict[str, float] = {}

    def reader(name: str) -> Any:
        return lambda _module, _inputs, output: found.update({name: output.std(correction=0).item()})

    layers = {name: module for name, module in net.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
    hooks = [module.register_forward_hook(reader(name)) for name, module in layers.items()]
    net.eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train()
    with torch.no_grad():
        net(images())
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("kind", NETS)
def test_every_layer_gives_unit_variance(kind: str) -> None:
    found = deviations(started(NETS[kind]))
    assert len(found) >= 18
    assert found == pytest.approx(dict.fromkeys(found, 1.0), rel=1e-3)


def test_hes_rule_leaves_layers_far_from_it() -> None:
    """The test above can fail: the same residual net by He's rule."""
    found = deviations(build(NETS["residual"], scheme=scheme_named("he_fan_in_normal")))
    assert max(found.values()) > 3


def test_it_takes_one_pass() -> None:
    net = build(NETS["residual"], scheme=scheme_named("orthogonal"))
    calls: Counter[str] = Counter()
    hooks = [
        module.register_forward_pre_hook(lambda _module, _inputs, name=name: calls.update([name]))
        for name, module in net.named_modules()
        if not isinstance(module, nn.Sequential)
    ]
    lsuv(net, images())
    for hook in hooks:
        hook.remove()
    assert len(calls) > 40
    assert set(calls.values()) == {1}


def test_weights_are_orthonormal_up_to_one_factor_a_layer() -> None:
    weight = started(NETS["plain"]).get_parameter("stage1.block3.branch.conv1.weight").detach().reshape(16, -1)
    gram = weight @ weight.T
    torch.testing.assert_close(gram, gram[0, 0] * torch.eye(16), rtol=0, atol=1e-5 * gram[0, 0].item())


def test_statistics_gradients_modes_and_hooks_are_as_they_were() -> None:
    net = build(NETS["batch norm"])
    net.get_submodule("stage1").eval()
    modes = [module.training for module in net.modules()]
    with torch.no_grad():
        net.get_buffer("stage1.block1.branch.norm1.running_mean").fill_(0.7)
    buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}
    lsuv(net, images())
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(buffer, buffers[name]) for name, buffer in net.named_buffers())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(module._forward_hooks for module in net.modules())
    net.train()(images())
    assert not torch.equal(net.get_buffer("stem.norm1.running_mean"), buffers["stem.norm1.running_mean"])


def test_one_seed_gives_the_same_weights_and_dropout_needs_no_seed() -> None:
    one, same, other = (started(NETS["dropped"], seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["stem.conv1.weight"], other["stem.conv1.weight"])
    net = started(NETS["dropped"])
    seed_dropout(net, 1)
    assert net.train()(images()).isfinite().all()


def test_images_that_are_all_equal_are_refused_by_the_layers_name() -> None:
    net = build(NETS["plain"], scheme=scheme_named("orthogonal"))
    message = (
        "lsuv: stem.conv1 gives numbers of standard deviation 0, which no factor brings to 1. "
        "Give it images that differ, or use he_fan_in_normal."
    )
    with pytest.raises(InitError, match=re.escape(message)):
        lsuv(net, torch.zeros(4, 3, 8, 8))
    assert not any(module._forward_hooks for module in net.modules())


def test_weights_that_are_standardised_are_refused() -> None:
    net = assemble(replace(describe("cifar_resnet20"), conv_weights=ConvWeights("standardised")))
    with pytest.raises(InitError, match="what lsuv chooses would be undone"):
        start(net, start_named("lsuv"), images=images(), targets=torch.zeros(8), seed=0)
