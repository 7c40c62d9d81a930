"""Every kind of row is deep-copied, exported and compiled as one graph; `benchmarks/export_table.py` has every row."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from skipline.init import build
from skipline.nn import freeze
from skipline.spec import Network, unfold
from skipline.zoo import describe, models

from .shallow import shallow

pytestmark = pytest.mark.slow  # every kind of network is compiled and exported; test_every_switch.py runs small ones


def kind_of(network: Network) -> object:
    """What is built: which layers stand where, whatever their sizes."""
    steps = tuple(unfold(network).steps())
    return tuple((step.name, type(step.layer).__name__) for step in steps), network.activation, network.norm.kind


KINDS = {kind_of(network): network for network in (shallow(describe(row.example)) for row in models())}
SIDE = 64


def images(network: Network, size: int = 1) -> Tensor:
    """Normal pixels."""
    return torch.randn(size, network.in_channels, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("network", KINDS.values(), ids=lambda network: network.name)
def test_every_kind_is_copied_and_exported(network: Network) -> None:
    """Exported where nothing is allocated, for batches of any size."""
    net = copy.deepcopy(build(network, seed=1).to("meta").eval())
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(net, (images(network, 2).to("meta"),), dynamic_shapes=({0: batch},))
    (logits,) = (node for node in program.graph.nodes if node.name in program.graph_signature.user_outputs)
    assert logits.meta["val"].shape[1:] == (network.head.num_classes,)
    assert set(program.state_dict) == set(net.state_dict())


@pytest.mark.parametrize("name", ["cifar_resnet20", "cifar_preresnet_basic20", "resnet14t"])
def test_an_exported_net_computes_what_the_net_does(name: str) -> None:
    network = describe(name)
    net = build(network, seed=1).eval()
    freeze(net, "stage1")
    given = images(network, 2)
    program = torch.export.export(net, (given,))
    with torch.no_grad():
        torch.testing.assert_close(program.module()(given), net(given), rtol=1e-5, atol=1e-6)


COMPILED = ("cifar_resnet56", "cifar_preresnet_basic20", "seresnet34", "ecaresnet50t", "resnetblur18", "bit_r50x1")


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", COMPILED)
def test_a_net_is_one_graph_and_is_compiled_once(name: str, mode: str) -> None:
    """Whatever its depth: no break of the graph, no second compilation, the same numbers."""
    network = describe(name) if name.startswith("cifar") else shallow(describe(name))
    net = build(network, seed=1).train(mode == "train")
    own = copy.deepcopy(net)
    torch.compiler.reset()
    compiled = torch.compile(own, backend="aot_eager", fullgraph=True, dynamic=False)
    given = images(network, 2)
    first = compiled(given)
    torch.testing.assert_close(first, net(given), rtol=1e-4, atol=1e-4)
    with torch.compiler.set_stance("fail_on_recompile"):
        first.sum().backward()
        second = compiled(given)
    assert all(parameter.grad is not None for parameter in own.parameters())
    torch.testing.assert_close(second, net(given), rtol=1e-4, atol=1e-4)
    torch.compiler.reset()


def test_a_frozen_net_is_one_graph_too() -> None:
    network = shallow(describe("cifar_resnet20"))
    net = build(network, seed=1)
    freeze(net, "stage1")
    compiled = torch.compile(copy.deepcopy(net), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(images(network, 2)), net(images(network, 2)), rtol=1e-4, atol=1e-4)
    torch.compiler.reset()


def test_the_compiler_is_imported_only_by_those_who_compile() -> None:
    """It takes a second, as long as all the rest of a small command."""
    code = (
        "import sys, skipline; skipline.build(skipline.describe('cifar_resnet8')); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
