"""Modules and batches as they come: each is measured, or refused with the reason and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from skipline.signal import SignalError, xray

BATCH = torch.empty(4, 6).normal_(generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """PyTorch's own start of layers draws from the global stream."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


class Does(nn.Module):
    """A module whose forward is `does(self, …)`, with a linear layer."""

    def __init__(self, does: Callable[..., Any]) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.does = does

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.does(self, *args, **kwargs)


def same(net: nn.Module, plain: nn.Module, batch: Any = BATCH) -> None:
    """Both modules, with one state, read the same wherever both have a place."""
    plain.load_state_dict(net.state_dict())
    found, expected = xray(net, batch), xray(plain, batch)
    assert list(found.sites) == list(expected.sites)
    for name, reading in expected.sites.items():
        assert found.sites[name].second_moment == pytest.approx(reading.second_moment, rel=1e-5), name
        assert found.sites[name].gradient_norm == pytest.approx(reading.gradient_norm, rel=1e-5), name
    for name, reading in expected.tensors.items():
        assert found.tensors[name].gradient_norm == pytest.approx(reading.gradient_norm, rel=1e-5), name


# ---- operations


def test_operations_in_place() -> None:
    def in_place(self: Does, x: Tensor) -> Tensor:
        y = self.fc(x.mul_(2))
        y += x
        return functional.relu_(y)

    def plain(self: Does, x: Tensor) -> Tensor:
        x = x * 2
        return functional.relu(self.fc(x) + x)

    batch = BATCH.clone()
    same(Does(in_place), Does(plain), batch)
    assert torch.equal(batch, BATCH)


def test_modules_in_place() -> None:
    def layers(inplace: bool) -> nn.Module:
        return nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.ReLU(inplace), nn.Linear(6, 3), nn.SiLU(inplace))

    same(layers(True), layers(False))
    assert xray(layers(True), BATCH).sites["1"].zero_fraction == 0  # read before the ReLU overwrote it


def test_an_in_place_operation_that_autograd_refuses() -> None:
    net = Does(lambda self, x: torch.sigmoid(self.fc(x)).relu_())  # the sigmoid's derivative needs its output
    with pytest.raises(SignalError, match=r"pass raised RuntimeError: .*modified by an inplace.*take the in-pl"):
        xray(net, BATCH)


def test_a_shared_activation_has_numbered_sites() -> None:
    shared = nn.ReLU()

    class Unit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2, self.act = nn.Linear(6, 6), nn.Linear(6, 6), shared

        def forward(self, x: Tensor) -> Tensor:
            return self.act(x + self.act(self.fc2(self.act(self.fc1(x)))))

    found = xray(nn.Sequential(Unit(), Unit()), BATCH)
    expected = [("fc1", "act", "fc2", "act@2", "sum", "act@3"), ("0",), ("fc1", "act", "fc2", "act@2", "sum", "act@3")]
    named = [f"{block}.{name}" for block, names in ((0, expected[0]), (1, expected[2])) for name in names]
    assert list(found.sites) == [*named[:6], "0", *named[6:], "1", "output"]


def test_a_block_that_runs_twice_has_numbered_sites() -> None:
    net = Does(lambda self, x: self.fc(self.fc(x)))
    found = xray(net, BATCH)
    assert list(found.sites) == ["fc", "fc@2", "output"]
    twice = net.fc(net.fc(BATCH)).detach()
    assert found.sites["fc@2"].second_moment == pytest.approx(twice.square().mean().item(), rel=1e-5)


@pytest.mark.parametrize(
    ("function", "name"),
    [(functional.relu, "relu"), (torch.tanh, "tanh"), (functional.gelu, "gelu"), (Tensor.sigmoid, "sigmoid")],
)
def test_functional_activations_are_sites(function: Callable[[Tensor], Tensor], name: str) -> None:
    net = Does(lambda self, x: function(self.fc(function(self.fc(x)))))
    found = xray(net, BATCH)
    assert list(found.sites) == ["fc", name, "fc@2", f"{name}2", "output"]
    expected = function(net.fc(BATCH)).detach().square().mean().item()
    assert found.sites[name].second_moment == pytest.approx(expected, rel=1e-5)


# ---- what comes out and goes in


class Pair(NamedTuple):
    logits: Tensor
    features: Tensor


@dataclass
class Result:
    logits: Tensor
    features: Tensor


def dictionary(logits: Tensor, features: Tensor) -> dict[str, Tensor]:
    return {"logits": logits, "features": features}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (dictionary, ["output[logits]", "output[features]"]),
        (Pair, ["output[0]", "output[1]"]),
        (Result, ["output[logits]", "output[features]"]),
        (lambda *tensors: list(tensors), ["output[0]", "output[1]"]),
        (lambda *tensors: (tensors[0], {"x": [tensors[1], 3]}), ["output[0]", "output[1][x][0]"]),
    ],
)
def test_several_outputs(kind: Callable[..., Any], names: list[str]) -> None:
    net = Does(lambda self, x: kind(self.fc(x), 2 * self.fc(x)))
    found = xray(net, BATCH)
    assert list(found.sites)[-2:] == names
    for name in names:  # six independent N(0, 1), so √6 ± 10 %
        assert found.sites[name].gradient_norm == pytest.approx(math.sqrt(6), rel=0.4)
    first, second = (found.sites[name].second_moment for name in names)
    assert second == pytest.approx(4 * first)


def test_several_inputs_of_all_kinds() -> None:
    found = xray(Does(lambda self, x, index: self.fc(x)[:, index]), (BATCH, torch.tensor([0, 2])))
    assert list(found.inputs) == ["input[0]"]
    keywords = xray(Does(lambda self, x, y: self.fc(x) * y), {"x": BATCH, "y": 2 * BATCH})
    assert list(keywords.inputs) == ["input[x]", "input[y]"]
    assert all(reading.gradient_norm for reading in keywords.inputs.values())


def test_an_input_that_nothing_comes_of_has_no_gradient() -> None:
    found = xray(Does(lambda self, x, y: self.fc(x)), (BATCH, BATCH + 1))
    assert found.inputs["input[1]"].gradient_norm is None


def test_integer_inputs() -> None:
    net = nn.Sequential(nn.Embedding(10, 6), nn.Linear(6, 3))
    found = xray(net, torch.tensor([[1, 2], [3, 4], [5, 5]]))
    assert not found.inputs
    assert found.num_inputs == 3
    assert found.sites["0"].shape == (3, 2, 6)
    means = net[0](torch.tensor([1, 2, 3, 4, 5, 5])).detach().mean(0)
    assert found.sites["0"].channel_mean_square == pytest.approx(means.square().mean().item(), rel=1e-5)
    assert found.tensors["0.weight"].state == "live"


def test_integers_into_frozen_parameters() -> None:
    net = nn.Sequential(nn.Embedding(10, 6), nn.Linear(6, 3)).requires_grad_(False)
    with pytest.raises(SignalError, match=r"inputs are integers and every parameter is frozen.*unfreeze a parameter"):
        xray(net, torch.tensor([[1, 2]]))


def test_integer_outputs() -> None:
    with pytest.raises(
        SignalError, match=r"returned Tensor \(torch.int64 \(4,\)\), with no floating.*Hand in objective="
    ):
        xray(Does(lambda self, x: self.fc(x).argmax(1)), BATCH)


def test_complex_signals() -> None:
    net = Does(lambda self, x: torch.fft.fft(self.fc(x)))
    found = xray(net, BATCH)
    expected = torch.fft.fft(net.fc(BATCH)).abs().square().mean().item()
    assert found.sites["output"].second_moment == pytest.approx(expected, rel=1e-5)
    # the transform is √6 times a rotation; twelve numbers of z for six of the input, of which half come through
    assert found.sites["fc"].gradient_norm == pytest.approx(math.sqrt(6 * 6), rel=0.4)


def test_complex_parameters_and_inputs() -> None:
    net = nn.Linear(6, 3, dtype=torch.complex64)
    batch = torch.complex(BATCH, BATCH.flip(0))
    found = xray(net, batch)
    assert found.tensors["weight"].norm == pytest.approx(net.weight.detach().abs().square().sum().sqrt().item())
    assert found.inputs["input"].gradient_norm


@pytest.mark.parametrize(
    ("batch", "came"),
    [("text", "a str"), ({}, "a dict"), (torch.empty(0, 6), r"\(0, 6\)"), (torch.tensor(1.0), r"\(\)")],
)
def test_a_batch_without_inputs(batch: Any, came: str) -> None:
    with pytest.raises(SignalError, match=f"batch is {came}; expected at least one tensor with inputs along axis 0"):
        xray(nn.Linear(6, 3), batch)


def test_time_first() -> None:
    with pytest.raises(SignalError, match=r"LSTM takes \(time, inputs, channels\).*Say batch_axis=1"):
        xray(nn.LSTM(6, 3), torch.ones(5, 2, 6))
    found = xray(nn.LSTM(6, 3), torch.ones(5, 2, 6), batch_axis=1)
    assert found.num_inputs == 2
    assert found.sites["output[0]"].correlation == pytest.approx(1)  # equal inputs, whatever the time
    assert {reading.state for reading in found.tensors.values()} == {"live"}


# ---- what is inside


def test_no_parameters() -> None:
    found = xray(nn.Sequential(nn.ReLU(), nn.Tanh()), BATCH)
    assert found.tensors == {}
    expected = math.sqrt(BATCH.relu().square().mean().item())
    assert math.sqrt(found.sites["0"].second_moment) == pytest.approx(expected)
    assert xray(nn.ReLU(), BATCH).sites["output"].zero_fraction == pytest.approx((BATCH <= 0).float().mean().item())


def test_a_module_that_does_nothing() -> None:
    found = xray(nn.Identity(), BATCH)
    assert list(found.sites) == ["output"]
    assert found.sites["output"].gradient_norm == pytest.approx(found.inputs["input"].gradient_norm)


def test_control_flow_that_depends_on_data() -> None:
    def flows(self: Does, x: Tensor) -> Tensor:
        steps = 1 + int(x.sum() > 100)
        for _ in range(steps):
            x = x + self.fc(x)
        return x

    net = Does(flows)
    assert list(xray(net, BATCH).sites) == ["fc", "sum", "output"]
    assert list(xray(net, BATCH + 100).sites) == ["fc", "sum", "fc@2", "sum2", "output"]


def test_a_dead_branch_has_no_gradient() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.cut, self.never = nn.Linear(6, 3), nn.Linear(6, 3), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x) + self.cut(x).detach()

    found = xray(Branching(), BATCH)
    assert list(found.sites) == ["used", "cut", "output"]
    assert found.sites["cut"].gradient_norm is None
    assert found.sites["cut"].gradient_correlation is None
    assert found.sites["used"].gradient_norm is not None
    states = {name: reading.state for name, reading in found.tensors.items() if name.endswith("weight")}
    assert states == {"used.weight": "live", "cut.weight": "unused", "never.weight": "unused"}


def test_a_module_that_detaches_everything() -> None:
    def quiet(self: Does, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.fc(x)

    with pytest.raises(SignalError, match=r"does not depend on any input.*torch\.no_grad\(\).*Take that away"):
        xray(Does(quiet), BATCH)


def test_a_part_in_inference_mode_has_no_gradient() -> None:
    def partly(self: Does, x: Tensor) -> Tensor:
        with torch.inference_mode():
            fixed = self.fc(x)
        return x * fixed.clone()

    found = xray(Does(partly), BATCH)
    assert found.sites["fc"].gradient_norm is None
    assert found.sites["fc"].second_moment > 0
    assert found.tensors["fc.weight"].state == "unused"
    assert found.inputs["input"].gradient_norm is not None


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_checkpoints(use_reentrant: bool) -> None:
    net = Does(lambda self, x: checkpoint(self.fc, x, use_reentrant=use_reentrant) + x)
    if use_reentrant:
        with pytest.raises(SignalError, match=r"backward pass raised.*use use_reentrant=False"):
            xray(net, BATCH)
    else:
        same(net, Does(lambda self, x: self.fc(x) + x))
