"""The module of a whole network: names, shapes, counts, what it survives, and that it is empty until it is set."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from skipline.costs import cost
from skipline.init import build
from skipline.nn import assemble
from skipline.spec import Activation, Block, Branch, Head, Network, Norm, NoShortcut, PadShortcut, Stage, Stem, unfold
from skipline.zoo import describe, models

from .shallow import shallow

# By what is left of a network when it is cut short: every kind, once.
KINDS_OF_ROWS = {replace(shallow(describe(row.example)), name="any"): row.example for row in models()}
EXAMPLES = tuple(row.example for row in models())
SHALLOW = tuple(name for name in EXAMPLES if describe(name).num_blocks <= 20)  # every family has such an example
DEEP = ("cifar_resnet1202", "cifar_preresnet1001", "resnet152", "resnetrs420")


def side_of(network: Network) -> int:
    """Pixels a side of the images that a network was published for: 1000 classes are photographs."""
    return 224 if network.head.num_classes == 1000 else 32


def note_shape(shapes: dict[str, tuple[int, ...]], path: str, _: nn.Module, __: Any, y: Any) -> None:
    """A hook that keeps the shape, without the batch, of what the module at `path` gives."""
    shapes[path] = tuple(y.shape[1:])


def small(activation: Activation, norm: Norm) -> Network:
    """Two stages of two residual blocks."""
    stages = (Stage(2, 8, 8), Stage(2, 16, 16, stride=2))
    return Network("small", 3, Stem((8,)), stages, Head(10), norm, activation)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in DEEP else pytest.mark.slow) for name in dict.fromkeys((*EXAMPLES, *DEEP))],
)
def test_parameters_are_as_many_as_the_cost_says(name: str) -> None:
    network = describe(name)
    net = assemble(network, device="meta")
    expected = cost(network, image_size=side_of(network)).parameters
    assert sum(parameter.numel() for parameter in net.parameters()) == expected


@pytest.mark.slow  # every kind runs shortened below
@pytest.mark.parametrize("name", SHALLOW)
def test_every_output_of_a_row_is_as_the_cost_says(name: str) -> None:
    """Whole, on images of the side that it was published for."""
    network = describe(name)
    net = assemble(network, device="meta").eval()
    shapes: dict[str, tuple[int, ...]] = {}
    steps = cost(network, image_size=side_of(network)).steps
    for step in steps:
        net.get_submodule(step.name).register_forward_hook(partial(note_shape, shapes, step.name))
    net(torch.empty(2, network.in_channels, side_of(network), side_of(network), device="meta"))
    assert shapes == {step.name: step.shape for step in steps}


@pytest.mark.parametrize("network", KINDS_OF_ROWS, ids=KINDS_OF_ROWS.get)
def test_every_step_and_site_is_a_module_path_and_every_output_is_as_the_cost_says(network: Network) -> None:
    net = assemble(network).eval()
    images = torch.ones(2, network.in_channels, 64, 64)
    shapes: dict[str, tuple[int, ...]] = {}

    plan = unfold(network)
    for path in (*plan.sites, *(step.name for step in plan.steps())):
        net.get_submodule(path).register_forward_hook(partial(note_shape, shapes, path))
    assert net(images).shape == (2, network.head.num_classes)
    assert set(plan.sites) <= set(shapes)
    counted = cost(network, image_size=64)
    assert sum(parameter.numel() for parameter in net.parameters()) == counted.parameters
    for step in counted.steps:
        assert shapes[step.name] == step.shape, step.name


def test_names_are_those_of_the_plan() -> None:
    net = assemble(describe("cifar_resnet20"), device="meta")
    names = set(net.state_dict())
    assert {"stem.conv1.weight", "stage2.block3.branch.norm2.running_var", "head.linear.bias"} <= names
    assert not any(name.endswith("num_batches_tracked") for name in names)
    assert isinstance(net.get_submodule("stage2.block3.branch.norm2"), nn.BatchNorm2d)
    assert net.network == describe("cifar_resnet20")


ORDERS = ("post", "pre", "norm_after_add", "act_before_add", "act_only_pre")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "norm", [Norm("batch"), Norm("group", groups=4), Norm("layer"), Norm("none")], ids=lambda n: n.kind
)
@pytest.mark.parametrize("is_plain", [True, False], ids=["plain", "residual"])
def test_every_order_and_norm_runs_forward_and_backward(order: str, norm: Norm, is_plain: bool) -> None:
    shortcut = NoShortcut() if is_plain else PadShortcut()
    block = Block(Branch("bottleneck", groups=2, stride_at="middle"), shortcut, order=order)  # pyright: ignore[reportArgumentType]
    stages = (Stage(1, 16, 8, block=block), Stage(2, 32, 8, stride=2, dilation=2, block=block))
    net = build(Network("net", 3, Stem((8,)), stages, Head(5), norm))
    logits = net(torch.ones(2, 3, 8, 8))
    assert logits.shape == (2, 5)
    logits.sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


KINDS = ["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "identity"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_activation_is_pytorchs_function(kind: str) -> None:
    functional = {
        "relu": lambda x: x * (x > 0),
        "leaky_relu": lambda x: torch.where(x > 0, x, 0.3 * x),
        "elu": lambda x: torch.where(x > 0, x, x.exp() - 1),
        "gelu": lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2,
        "silu": lambda x: x / (1 + (-x).exp()),
        "tanh": torch.tanh,
        "identity": lambda x: x,
    }
    activation = Activation(kind, slope=0.3 if kind == "leaky_relu" else 0.0)  # pyright: ignore[reportArgumentType]
    net = assemble(small(activation, Norm("none")))
    x = torch.linspace(-3, 3, 101)
    torch.testing.assert_close(net.get_submodule("stem.act1")(x), functional[kind](x))


AXES = {"batch": (0, 2, 3), "group": (2, 3, 4), "layer": (1, 2, 3)}  # a group is an axis of its own, (N, G, C/G, H, W)


@pytest.mark.parametrize("kind", AXES)
def test_every_norm_takes_its_statistics_over_its_own_axes(kind: str) -> None:
    norm = Norm(kind, groups=4 if kind == "group" else 1, epsilon=0.1)  # pyright: ignore[reportArgumentType]
    module = build(small(Activation(), norm)).get_submodule("stem.norm1")
    x = torch.empty(3, 8, 4, 4).normal_(1.0, 2.0, generator=torch.Generator().manual_seed(9))
    values = x.reshape(3, 4, 2, 4, 4) if kind == "group" else x
    mean = values.mean(AXES[kind], keepdim=True)
    variance = values.var(AXES[kind], correction=0, keepdim=True)
    torch.testing.assert_close(module(x), ((values - mean) / (variance + 0.1).sqrt()).reshape(x.shape))


def test_nothing_looks_fine_until_the_weights_are_set() -> None:
    net = assemble(describe("cifar_resnet20"))
    assert all(tensor.isnan().all() for tensor in net.state_dict().values())
    assert net.eval()(torch.ones(1, 3, 32, 32)).isnan().all()


def test_assembling_draws_nothing_from_the_global_generator() -> None:
    before = torch.get_rng_state()
    assemble(describe("cifar_resnet20"))
    build(describe("cifar_resnet20"), seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_are_fp32_whatever_the_default_is() -> None:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        net = build(small(Activation(), Norm("group", groups=4)))
    finally:
        torch.set_default_dtype(before)
    assert {tensor.dtype for tensor in net.state_dict().values()} == {torch.float32}


def test_copies_and_pickles_compute_the_same() -> None:
    net = build(small(Activation(), Norm())).eval()
    images = torch.ones(1, 3, 8, 8)
    expected = net(images)
    assert torch.equal(copy.deepcopy(net)(images), expected)
    unpickled = pickle.loads(pickle.dumps(net))
    assert torch.equal(unpickled(images), expected)
    assert unpickled.network == net.network


def test_weights_pass_through_safetensors_strictly(tmp_path: Path) -> None:
    net = build(small(Activation(), Norm()), seed=1)
    save_file(net.state_dict(), tmp_path / "weights.safetensors")  # loses the versions of PyTorch's modules
    other = assemble(net.network)
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"), strict=True)
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in other.state_dict().items())


def test_a_missing_and_an_unknown_weight_are_still_refused() -> None:
    net = build(small(Activation(), Norm()))
    weights = dict(net.state_dict())
    weights["stem.norm2.weight"] = weights.pop("stem.norm1.weight")
    with pytest.raises(RuntimeError, match=r"(?s)Missing.*stem\.norm1\.weight.*Unexpected.*stem\.norm2\.weight"):
        net.load_state_dict(weights)


def test_it_can_be_exported() -> None:
    net = build(small(Activation(), Norm())).eval()
    images = torch.ones(2, 3, 8, 8)
    exported = torch.export.export(net, (images,))
    torch.testing.assert_close(exported.module()(images), net(images))


def test_it_is_one_graph_without_breaks() -> None:
    net = build(small(Activation(), Norm())).eval()
    images = torch.ones(2, 3, 8, 8)
    traced = torch.compile(net, backend="eager", fullgraph=True)  # tracing only; a break in the graph raises
    torch.testing.assert_close(traced(images), net(images))


def test_training_moves_the_running_statistics_as_pytorch_does() -> None:
    net = build(small(Activation(), Norm())).train()
    images = torch.empty(4, 3, 8, 8).normal_(generator=torch.Generator().manual_seed(3))
    net(images)
    before = net.get_submodule("stem.conv1")(images)
    norm = net.get_submodule("stem.norm1")
    mean, variance = before.mean((0, 2, 3)), before.var((0, 2, 3), unbiased=True)
    torch.testing.assert_close(norm.running_mean, 0.1 * mean)
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * variance)


def test_1202_layers_run_backward() -> None:
    net = build(describe("cifar_resnet1202"))
    net(torch.ones(1, 3, 8, 8)).sum().backward()
    gradient = net.get_parameter("stem.conv1.weight").grad
    assert gradient is not None
    assert gradient.isfinite().all()
