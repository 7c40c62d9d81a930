"""Watching loops of every kind: the readings are those of the steps as they are, and nothing else changes."""

from __future__ import annotations

import copy
import dataclasses
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from skipline.init import build
from skipline.signal import SignalError, Watch, watching, xray
from skipline.zoo import describe

BATCH = torch.empty(6, 8).normal_(generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])
IMAGES = torch.empty(6, 3, 8, 8).normal_(generator=torch.Generator().manual_seed(0))


class Unit(nn.Module):
    """A residual unit."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.fc = nn.BatchNorm1d(8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.relu(self.fc(self.norm(x)))


@pytest.fixture
def net() -> Iterator[nn.Module]:
    """Two residual units and a classifier; without a hook afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(8, 8), Unit(), Unit(), nn.Linear(8, 3))
    yield net
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert torch.overrides._get_current_function_mode() is None


def loss_of(logits: Tensor) -> Tensor:
    return cross_entropy(logits, LABELS)


def step(net: nn.Module, optimiser: torch.optim.Optimizer, batch: Tensor = BATCH) -> None:
    optimiser.zero_grad()
    loss_of(net(batch)).backward()
    optimiser.step()


@pytest.mark.parametrize("kind", ["ours", "foreign"])
def test_a_due_step_reads_what_an_x_ray_would_and_how_parameters_moved(kind: str, net: nn.Module) -> None:
    batch = IMAGES if kind == "ours" else BATCH
    net = build(describe("cifar_resnet20", num_classes=3)) if kind == "ours" else net
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    start = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    with watching(net, every=2) as watch:
        watch.before_step(0)
        step(net, optimiser, batch)
        assert watch.after_step() is not None
        watch.before_step(1)
        step(net, optimiser, batch)
        assert watch.after_step() is None
        before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
        expected = xray(net, batch, objective=loss_of)
        watch.before_step(2)
        step(net, optimiser, batch)
        found = watch.after_step()
    assert found is not None
    assert found.step == 2
    assert list(found.sites) == list(expected.sites)
    for name, reading in expected.sites.items():
        assert found.sites[name].second_moment == pytest.approx(reading.second_moment, rel=1e-5), name
        assert found.sites[name].gradient_norm == pytest.approx(reading.gradient_norm, rel=1e-4), name
        assert found.sites[name].correlation == pytest.approx(reading.correlation, rel=1e-4), name
    for name, parameter in net.named_parameters():
        change, first, last = found.tensors[name], before[name].double(), parameter.detach().double()
        assert change.norm == pytest.approx(first.norm().item())
        assert change.gradient_norm == pytest.approx(expected.tensors[name].gradient_norm, rel=1e-4, abs=1e-9)
        if first.norm() > 0:
            assert change.update_ratio == pytest.approx(((last - first).norm() / first.norm()).item(), rel=1e-4)
        if start[name].norm() > 0:
            cosine = torch.cosine_similarity(last.flatten(), start[name].double().flatten(), dim=0)
            assert change.cosine_to_start == pytest.approx(cosine.item(), abs=1e-6)


def test_training_goes_on_bit_for_bit_as_without() -> None:
    def trained(every: int | None) -> dict[str, Tensor]:
        net = build(describe("cifar_resnet20", num_classes=3), seed=4)
        optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        with watching(net, every=every or 1) as watch:
            for number in range(3):
                if every:
                    watch.before_step(number)
                step(net, optimiser, IMAGES)
                watch.after_step()
        return net.state_dict()

    without = trained(None)
    assert all(torch.equal(tensor, without[name]) for name, tensor in trained(1).items())


def test_between_due_steps_there_is_no_hook(net: nn.Module) -> None:
    def num_hooks() -> int:
        return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in net.modules())

    with watching(net, every=10) as watch:
        assert num_hooks() == 0
        watch.before_step(0)
        assert num_hooks() > 0
        watch.before_step(1)  # the first was given up
        assert num_hooks() == 0


def test_of_accumulated_parts_the_first_is_read_and_gradients_are_whole(net: nn.Module) -> None:
    net.eval()  # so that the parts add up to the whole
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    first = xray(net, BATCH[:3], objective=lambda logits: cross_entropy(logits, LABELS[:3]) / 2)
    whole = xray(net, BATCH, objective=loss_of)
    with watching(net) as watch:
        watch.before_step(0)
        with torch.no_grad():
            net(BATCH[:2])  # not a part of the training pass
        for part in (slice(0, 3), slice(3, 6)):
            (cross_entropy(net(BATCH[part]), LABELS[part]) / 2).backward()
        optimiser.step()
        found = watch.after_step()
    assert found is not None
    for name, reading in first.sites.items():
        assert found.sites[name].shape == reading.shape
        assert found.sites[name].gradient_norm == pytest.approx(reading.gradient_norm, rel=1e-5)
    for name, reading in whole.tensors.items():
        assert found.tensors[name].gradient_norm == pytest.approx(reading.gradient_norm, rel=1e-4, abs=1e-9)


def test_a_scaled_loss_is_scaled_back(net: nn.Module) -> None:
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    expected = xray(net, BATCH, objective=loss_of)
    with watching(net) as watch:
        watch.before_step(0)
        (1024 * loss_of(net(BATCH))).backward()
        for parameter in net.parameters():
            assert parameter.grad is not None
            parameter.grad /= 1024  # as GradScaler does before it steps
        optimiser.step()
        found = watch.after_step(loss_scale=1024)
    assert found is not None
    for name, reading in expected.sites.items():
        assert found.sites[name].gradient_norm == pytest.approx(reading.gradient_norm, rel=1e-5)
    assert found.tensors["0.weight"].gradient_norm == pytest.approx(
        expected.tensors["0.weight"].gradient_norm, rel=1e-5
    )


def test_autocast_is_watched_as_it_is(net: nn.Module) -> None:
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    wide = xray(net, BATCH, objective=loss_of)
    with watching(net) as watch:
        watch.before_step(0)
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(net(BATCH))
        loss.backward()
        optimiser.step()
        found = watch.after_step()
    assert found is not None
    for name, reading in wide.sites.items():
        assert found.sites[name].second_moment == pytest.approx(reading.second_moment, rel=0.05), name
    assert found.sites["0"].second_moment != wide.sites["0"].second_moment


def test_a_module_for_several_processes_is_watched_inside(net: nn.Module, tmp_path: Path) -> None:
    expected = xray(net, BATCH, objective=loss_of)
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        wrapped = nn.parallel.DistributedDataParallel(net)
        optimiser = torch.optim.SGD(wrapped.parameters(), lr=0.1)
        with watching(wrapped) as watch:
            watch.before_step(0)
            step(wrapped, optimiser)
            found = watch.after_step()
    finally:
        torch.distributed.destroy_process_group()
    assert found is not None
    assert list(found.sites) == list(expected.sites)
    assert found.sites["1.sum"].gradient_norm == pytest.approx(expected.sites["1.sum"].gradient_norm, rel=1e-5)


def test_an_exception_in_the_loop_leaves_no_hook(net: nn.Module) -> None:
    def loop() -> None:
        with watching(net) as watch:
            watch.before_step(0)
            net(torch.ones(2, 5))

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        loop()  # and the fixture looks for hooks


def test_a_frozen_parameter_is_not_watched_and_one_without_a_gradient_has_none(net: nn.Module) -> None:
    net.get_parameter("0.weight").requires_grad_(False)
    net.register_parameter("unused", nn.Parameter(torch.ones(2)))
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    with watching(net) as watch:
        watch.before_step(0)
        step(net, optimiser)
        found = watch.after_step()
    assert found is not None
    assert "0.weight" not in found.tensors
    unused = found.tensors["unused"]
    assert dataclasses.astuple(unused) == ((2,), pytest.approx(2**0.5), None, 0.0, pytest.approx(1.0))


def test_what_cannot_be_read_is_said(net: nn.Module) -> None:
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    with watching(net) as watch:
        watch.before_step(0)
        with pytest.raises(SignalError, match=r"step 0 was to be read, and no forward pass with gradients went"):
            watch.after_step()
        watch.before_step(50)
        step(net, optimiser)
        optimiser.zero_grad()
        with pytest.raises(SignalError, match=r"no parameter has a gradient. Call after_step behind optimiser\.step"):
            watch.after_step()
    with pytest.raises(SignalError, match=r"every is 0; expected a whole number of steps from 1, e\.g\. 50"):
        Watch(net, every=0, sites=(), batch_axis=0)


def test_dead_units_are_counted(net: nn.Module) -> None:
    with torch.no_grad():
        net.get_parameter("1.fc.bias")[:2] = -100
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    with watching(net, sites=["1.relu"]) as watch:
        watch.before_step(0)
        step(net, optimiser)
        found = watch.after_step()
    assert found is not None
    assert list(found.sites) == ["1.relu"]
    assert found.sites["1.relu"].dead_fraction >= 2 / 8


def test_a_compiled_module_is_seen_into(net: nn.Module) -> None:
    expected = xray(net, BATCH, objective=loss_of)
    compiled = torch.compile(net, backend="eager")
    assert isinstance(compiled, nn.Module)
    compiled(BATCH)
    in_place = copy.deepcopy(net)
    in_place.compile(backend="eager")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own: it looks at the .grad of what is no leaf
        in_place(BATCH)
    for module in (net, compiled, in_place):
        found = xray(module, BATCH, objective=loss_of)
        assert list(found.sites) == list(expected.sites)
        assert found.sites["2.sum"].gradient_norm == pytest.approx(expected.sites["2.sum"].gradient_norm, rel=1e-5)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    with watching(compiled) as watch:
        watch.before_step(0)
        step(compiled, optimiser)
        reading = watch.after_step()
    assert reading is not None
    assert list(reading.sites) == list(expected.sites)
