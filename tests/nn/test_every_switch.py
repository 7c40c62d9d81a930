"""Every switch runs, learns, is copied, saved, read and exported; every row's kinds of layers do."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from skipline.init import build
from skipline.nn import assemble, seed_dropout
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
    PadShortcut,
    ProjectionShortcut,
    Stage,
    Stem,
    StochasticDepth,
    with_output_stride,
)
from skipline.spec.block import ORDERS
from skipline.spec.layers import ACTIVATION_KINDS, NORM_KINDS
from skipline.spec.network import STEM_POOLS
from skipline.zoo import describe, models

from .shallow import shallow

PHOTOGRAPHS = {replace(shallow(describe(row.name)), name="any"): row.name for row in models() if row.image_size >= 160}
"""Of networks that differ in their depth only, one."""
IMAGES = torch.empty(2, 3, 16, 16).normal_(generator=torch.Generator().manual_seed(30))


def net_with(branch: Branch, *, order: Any = "post", merge: Merge | None = None, **switches: Any) -> Network:
    block = Block(branch, ProjectionShortcut(subsample="blur"), merge or Merge(), order)
    stages = (Stage(2, 16, 8, block=block), Stage(1, 32, 8, stride=2, block=block))
    stem = Stem((8, 16), pool=switches.pop("pool", "none"))
    return replace(Network("net", 3, stem, stages, Head(5)), **switches)


SQUEEZE = Attention("squeeze_excite", reduction=4)
SWITCHES: dict[str, Network] = {
    **{f"SE, {order}": net_with(Branch(attention=SQUEEZE), order=order) for order in ORDERS},
    **{f"ECA, {order}": net_with(Branch(attention=Attention("eca")), order=order) for order in ORDERS},
    **{f"blur, {order}": net_with(Branch(antialias="blur"), order=order) for order in ORDERS},
    "mean in a bottleneck": net_with(Branch("bottleneck", stride_at="middle", antialias="average")),
    "blur in a v1 bottleneck": net_with(Branch("bottleneck", stride_at="first", antialias="blur")),
    "drop-block": net_with(Branch(drop_block=0.2, drop_block_size=3)),
    "learned scale": net_with(Branch(), merge=Merge(branch_scale=0.1, branch_scaling="learned"), norm=Norm("none")),
    "standardised": net_with(Branch(groups=2), norm=Norm("group", groups=4), conv_weights=ConvWeights("standardised")),
    "scaled": net_with(Branch(groups=2), norm=Norm("none"), conv_weights=ConvWeights("scaled", gain=1.7)),
    **{
        f"scalar biases, {order}": net_with(
            Branch("bottleneck", dropout=0.1, antialias="blur"), order=order, norm=Norm("none"), biases="scalar"
        )
        for order in ORDERS
    },
    "unit variance": net_with(
        Branch(),
        order="pre",
        merge=Merge(branch_scale=0.5),
        norm=Norm("none"),
        branch_input="unit_variance",
        first_identity="raw",
    ),
    **{
        f"shaped {kind}": net_with(Branch(), activation=Activation(kind, 0.0, 1.5, 0.25, -0.125, 2.0))
        for kind in ACTIVATION_KINDS
    },
    "stochastic depth": net_with(Branch(), order="pre", stochastic_depth=StochasticDepth(0.5, "sample")),
    **{
        f"coupled halves, {order}": replace(
            net_with(Branch(), order="pre", stochastic_depth=StochasticDepth(0.5, "sample")),
            stages=tuple(Stage(3, 16 * n, 8, stride=n, block=Block(order=order, coupling="additive")) for n in (1, 2)),
        )
        for order in ORDERS
        if order not in ("post", "norm_after_add")
    },
    "raw": net_with(Branch(), order="pre", first_identity="raw"),
    "blurred identities": replace(
        net_with(Branch()),
        stages=tuple(
            Stage(1, 16 * n, 8, stride=n, block=Block(Branch(), PadShortcut(subsample="blur"))) for n in (1, 2)
        ),
    ),
    **{f"stem pool {pool}": net_with(Branch(), pool=pool) for pool in STEM_POOLS},
}


@pytest.mark.parametrize("case", SWITCHES)
def test_every_switch_runs_learns_is_copied_and_saved(case: str, tmp_path: Path) -> None:
    net = build(SWITCHES[case], seed=2)
    seed_dropout(net, 1)
    net.train()(IMAGES).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    expected = net.eval()(IMAGES)
    assert torch.equal(copy.deepcopy(net)(IMAGES), expected)
    save_file(net.state_dict(), tmp_path / "weights.safetensors")
    read = assemble(net.network)
    read.load_state_dict(load_file(tmp_path / "weights.safetensors"), strict=True)
    assert torch.equal(read.eval()(IMAGES), expected)


@pytest.mark.slow  # half a second for each; a page's example exports one in any case
@pytest.mark.parametrize("case", SWITCHES)
def test_every_switch_is_exported(case: str) -> None:
    net = build(SWITCHES[case], seed=2).eval()
    exported = torch.export.export(net, (IMAGES,))
    torch.testing.assert_close(exported.module()(IMAGES), net(IMAGES))


@pytest.mark.parametrize("norm", NORM_KINDS)
@pytest.mark.parametrize("activation", ACTIVATION_KINDS)
def test_every_norm_with_every_activation_learns(norm: Any, activation: Any) -> None:
    network = net_with(
        Branch(attention=SQUEEZE, antialias="blur"),
        norm=Norm(norm, groups=4 if norm == "group" else 1),
        activation=Activation(activation),
    )
    net = build(network).train()
    net(IMAGES).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("name", ["resnet18", "resnet50", "seresnet50t", "resnetblur50d", "preresnet18", "resnetrs50"])
def test_every_output_stride_gives_maps_of_its_size(name: str, output_stride: Any) -> None:
    net = assemble(with_output_stride(describe(name), output_stride), device="meta").eval()
    maps: list[torch.Size] = []
    net.get_submodule("stage4").register_forward_hook(lambda _m, _i, output: maps.append(output.shape))
    net(torch.empty(1, 3, 64, 64, device="meta"))
    assert maps[0][2:] == (64 // output_stride, 64 // output_stride)


@pytest.mark.parametrize("network", PHOTOGRAPHS, ids=PHOTOGRAPHS.get)
def test_every_kind_of_row_for_photographs_runs_backward(network: Network) -> None:
    net = build(network).train()
    logits = net(torch.empty(2, 3, 32, 32).normal_(generator=torch.Generator().manual_seed(31)))
    assert logits.shape == (2, network.head.num_classes)
    logits.sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
