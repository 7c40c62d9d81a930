"""What one process can see of several: the net with synchronised norms, dropout by place, who decides, what is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn

from skipline.cli.exits import exit_code
from skipline.init import build
from skipline.init.parameterisations import with_skip_init
from skipline.nn import freeze, seed_dropout
from skipline.nn.dropout import DropBlock, DropBranch, Dropout
from skipline.spec import Network
from skipline.train import Probe, Recipe, RecipeError
from skipline.train.learner import make_learner
from skipline.train.processes.parallel import Engine
from skipline.train.processes.spread import spread
from skipline.train.processes.synchronised_norm import SynchronisedNorm, synchronised
from skipline.train.processes.team import ALONE, Team, TeamError, explained, joined


@pytest.fixture
def group(tmp_path: Path) -> Iterator[None]:
    """A gloo group that has this process alone."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("mean", [0.0, 300.0])
def test_a_synchronised_norm_computes_what_pytorchs_does(group: None, mean: float) -> None:
    """Outputs, gradients and running statistics, in fp64; also where the mean is large beside the deviation."""
    generator = torch.Generator().manual_seed(0)
    x = (torch.randn(5, 3, 4, 4, generator=generator) + mean).double()
    seen = torch.randn(5, 3, 4, 4, generator=generator).double()
    norms = [nn.BatchNorm2d(3).double() for _ in range(2)]
    results = []
    for norm, module in zip(norms, (norms[0], SynchronisedNorm(norms[1])), strict=True):
        with torch.no_grad():
            norm.weight.copy_(torch.tensor([0.5, 2.0, -1.0]))
            norm.bias.copy_(torch.tensor([1.0, 0.0, 3.0]))
        inputs = x.clone().requires_grad_()
        (module(inputs) * seen).sum().backward()
        results.append((inputs.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var))
    for found, expected in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-7)


def test_it_keeps_bf16_and_computes_in_fp32(group: None) -> None:
    norm = nn.BatchNorm2d(2)
    x = torch.randn(8, 2, 3, 3, generator=torch.Generator().manual_seed(0)) + 5
    y = SynchronisedNorm(norm)(x.bfloat16())
    assert y.dtype == torch.bfloat16
    expected = nn.functional.batch_norm(x.bfloat16().float(), None, None, norm.weight, norm.bias, training=True)
    torch.testing.assert_close(y.float(), expected, rtol=0, atol=2**-7)  # outputs below 4 have steps of 2⁻⁷ or less


def test_a_synchronised_net_is_the_same_tensors(network: Network, group: None) -> None:
    net = build(network, seed=0).train()
    own = synchronised(net)
    assert [id(tensor) for tensor in own.parameters()] == [id(tensor) for tensor in net.parameters()]
    assert not any(isinstance(module, SynchronisedNorm) for module in net.modules())
    assert sum(isinstance(module, SynchronisedNorm) for module in own.modules()) == 5  # one behind each convolution
    seed_dropout(net, 3)  # reaches both
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(own(images), net(images))


def test_a_frozen_norm_stays_frozen(network: Network, group: None) -> None:
    net = build(network, seed=0).train()
    freeze(net, "stem")
    own = synchronised(net)
    assert sum(isinstance(module, SynchronisedNorm) for module in own.modules()) == 4
    kept = {name: tensor.clone() for name, tensor in net.stem.state_dict().items()}
    seed_dropout(net, 0)
    own(torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1)))
    assert all(torch.equal(tensor, kept[name]) for name, tensor in net.stem.state_dict().items())


@pytest.mark.parametrize("layer", [Dropout(0.3), DropBlock(0.3, 3), DropBranch(0.3, "sample")])
def test_dropout_belongs_to_the_place_in_the_batch(
    layer: Dropout | DropBlock | DropBranch,
) -> None:
    x = torch.randn(7, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    layer.train()
    layer.seed, layer.place = 11, None
    whole = layer(x)
    parts = []
    for first, last in ((0, 3), (3, 7)):
        layer.place = (first, 7)
        parts.append(layer(x[first:last]))
    assert torch.equal(torch.cat(parts), whole)
    assert not torch.equal(whole, x)


def test_alone_nothing_is_sent() -> None:
    """There is no group here: whoever asked one would fail."""
    assert ALONE.any(True, False) == (True, False)
    assert ALONE.gather("here") == ["here"]
    assert ALONE.from_leader(3) == 3
    assert torch.equal(ALONE.sum(torch.ones(2)), torch.ones(2))
    ALONE.require_same_step(5, "runs/x")
    engine, loss, mistakes = Engine(), torch.tensor(0.5), torch.tensor(2)
    assert engine.passed(torch.relu) is torch.relu
    assert engine.added_up(loss, mistakes) == (loss, mistakes)
    engine.share_statistics()


def test_without_a_launcher_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined(torch.device("cpu")) as team:
        assert team == ALONE == Team()
        assert team.leads
        assert not dist.is_initialized()


def test_parameters_of_one_number_are_not_shared_out(network: Network) -> None:
    recipe = Recipe(network=with_skip_init(network), source="quarters", init="he_fan_out_normal", shard=True)
    learner = make_learner(replace(recipe, kernels="plain"), torch.device("cpu"))
    with pytest.raises(RecipeError, match=r"shard: small has parameters of one number, e\.g\. stage1\.block1\."):
        spread(learner, recipe, Team(0, 2))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ema_decay": 0.9}, "shard is true together with ema_decay, which needs parameters that are whole"),
        ({"probe": Probe(every=2), "batch_norm": "synchronised"}, "batch_norm 'synchronised' and probe, which need"),
        ({"kernels": "fused"}, "together with kernels 'fused'"),
    ],
)
def test_what_wants_whole_parameters_is_refused(network: Network, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError) as refused:
        Recipe(network=network, source="quarters", shard=True, **settings)
    assert words in str(refused.value)


RESET = "[../gloo/transport/tcp/pair.cc:537] Read error: Connection reset by peer"
NCCL_REMOTE = "NCCL error in: NCCLUtils.hpp:268\nncclRemoteError: possibly due to a remote process exiting."
NCCL_OWN = "NCCL error in: NCCLUtils.hpp:317, unhandled system error\nLast error:\nError: no interface eth7\n"
NCCL_MEMORY = "NCCL error in: NCCLUtils.hpp:317, unhandled cuda error\nLast error:\nCuda failure 2 'out of memory'\n"


@pytest.mark.parametrize(
    "error", [RuntimeError(RESET), dist.DistNetworkError("the client socket has timed out"), RuntimeError(NCCL_REMOTE)]
)
def test_a_lost_process_is_told_with_pytorchs_own_words(error: RuntimeError) -> None:
    told = str(explained(error))
    assert told.startswith("another process of this run has ended or cannot be reached")
    assert told.endswith(f"`-m skipline resume RUN`. PyTorch says: {str(error).partition(chr(10))[0]}")


def test_the_fault_of_this_process_is_not_laid_on_another() -> None:
    told = str(explained(dist.DistBackendError(NCCL_OWN)))
    assert told.startswith("this process cannot communicate with the others, and the fault is on its side")
    assert told.endswith(
        "PyTorch says: NCCL error in: NCCLUtils.hpp:317, unhandled system error Error: no interface eth7"
    )
    assert "another process" not in told


def test_nccl_without_memory_is_no_matter_of_the_team() -> None:
    """It was exit code 1, a fault of this process."""
    error = dist.DistBackendError(NCCL_MEMORY)
    assert explained(error) is None
    assert exit_code(error) == 6


def test_a_network_interface_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "nosuch0")
    with pytest.raises(RuntimeError) as raised:
        dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    told = str(explained(raised.value))
    assert "its network interface (GLOO_SOCKET_IFNAME" in told
    assert told.endswith("Unable to find address for: nosuch0")


def test_other_errors_are_no_matter_of_the_team() -> None:
    assert explained(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
    assert issubclass(TeamError, RuntimeError)
