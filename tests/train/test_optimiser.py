"""Optimisers: what they compute, which parameters decay, and their state."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from skipline.init import build
from skipline.nn import freeze
from skipline.spec import Block, ConvWeights, Head, Merge, Network, Norm, Stage, Stem
from skipline.train import AdamW, RecipeError, Sgd
from skipline.train.optimiser import (
    Optimiser,
    OptimiserSettings,
    expected_tensors,
    kept_moments,
    make_optimiser,
    optimiser_tensors,
    parameter_groups,
    rate_factors,
    restore_optimiser,
    set_learning_rate,
)
from skipline.zoo import describe

GRADIENTS = ([0.3, -1.0], [0.1, 0.4], [-0.2, 0.0])
START = [1.0, -2.0]


def anything(value: object) -> Any:
    """What a caller without types may pass."""
    return value


def run(settings: OptimiserSettings, gradients: tuple[list[float], ...] = GRADIENTS) -> Tensor:
    """One weight of shape (1, 2) after steps with these gradients."""
    layer = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([START]))
    optimiser = make_optimiser(layer, settings, halted=torch.zeros(()))
    for gradient in gradients:
        layer.weight.grad = torch.tensor([gradient])
        optimiser.step()
    return layer.weight.detach()[0].double()


@pytest.mark.parametrize("nesterov", [True, False])
def test_sgd_is_its_equation(nesterov: bool) -> None:
    rate, momentum, decay = 0.1, 0.9, 0.01
    w, v = torch.tensor(START, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for gradient in GRADIENTS:
        g = torch.tensor(gradient, dtype=torch.float64) + decay * w
        v = momentum * v + g
        w = w - rate * (g + momentum * v if nesterov else v)
    found = run(Sgd(learning_rate=rate, momentum=momentum, nesterov=nesterov, weight_decay=decay))
    torch.testing.assert_close(found, w, rtol=1e-6, atol=1e-6)


def test_adamw_is_its_equation() -> None:
    rate, beta1, beta2, decay = 0.01, 0.8, 0.99, 0.1
    w = torch.tensor(START, dtype=torch.float64)
    m = v = torch.zeros(2, dtype=torch.float64)
    for t, gradient in enumerate(GRADIENTS, start=1):
        g = torch.tensor(gradient, dtype=torch.float64)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        w = (1 - rate * decay) * w - rate * (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + 1e-8)
    found = run(AdamW(learning_rate=rate, beta1=beta1, beta2=beta2, weight_decay=decay))
    torch.testing.assert_close(found, w, rtol=1e-6, atol=1e-6)


def test_shifts_scales_and_gains_do_not_decay() -> None:
    block = Block(merge=Merge(branch_scaling="learned"))
    network = Network(
        "net",
        3,
        Stem((4,)),
        (Stage(1, 4, 4, block=block),),
        Head(2),
        Norm("none"),
        biases="scalar",
        conv_weights=ConvWeights("scaled"),
    )
    net = build(network)
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    decayed, kept = (
        {names[id(parameter)] for parameter in group["params"]}
        for group in sorted(parameter_groups(net, Sgd(weight_decay=0.1)), key=lambda group: -group["weight_decay"])
    )
    assert {name.rsplit(".", 1)[1] for name in kept} == {"offset", "factor", "gain", "bias"}
    assert {name.rsplit(".", 1)[1] for name in decayed} == {"weight"}


def test_weights_decay_and_norms_and_biases_do_not(network: Network) -> None:
    net = build(network)
    decayed, kept = parameter_groups(net, Sgd(weight_decay=0.1))
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)
    assert isinstance(decayed["params"], list)
    assert isinstance(kept["params"], list)
    decayed_names = {names[id(parameter)] for parameter in decayed["params"]}
    kept_names = {names[id(parameter)] for parameter in kept["params"]}
    assert {name.rsplit(".", 2)[-2].rstrip("0123456789") for name in decayed_names} == {"conv", "linear"}
    assert all(name.endswith("weight") for name in decayed_names)
    assert "head.linear.bias" in kept_names
    assert {name.rsplit(".", 2)[-2].rstrip("0123456789") for name in kept_names} == {"norm", "linear"}
    assert decayed_names | kept_names == set(names.values())


def test_or_everything_decays(network: Network) -> None:
    net = build(network)
    (group,) = parameter_groups(net, Sgd(weight_decay=0.1, decay_on="all"))
    assert group["params"] == list(net.parameters())


def test_decay_moves_weights_alone(network: Network) -> None:
    """Without a gradient SGD makes w ← (1 − η λ) w of what decays, and leaves the rest."""
    net = build(network)
    before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    optimiser = make_optimiser(
        net, Sgd(learning_rate=0.5, momentum=0.0, nesterov=False, weight_decay=0.2), halted=torch.zeros(())
    )
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter.detach(), before[name] * (0.9 if parameter.ndim >= 2 else 1.0))


@pytest.mark.parametrize("settings", [Sgd(), AdamW()])
def test_a_halted_step_changes_nothing(settings: OptimiserSettings) -> None:
    layer = nn.Linear(3, 2)
    halted = torch.zeros(())
    optimiser = make_optimiser(layer, settings, halted=halted)

    def step(gradient: float) -> list[Tensor]:
        for parameter in layer.parameters():
            parameter.grad = torch.full_like(parameter, gradient)
        optimiser.step()
        return [
            tensor.detach().clone() for tensor in (*layer.parameters(), *optimiser_tensors(layer, optimiser).values())
        ]

    start = step(0.5)
    moved = step(0.5)
    assert not any(torch.equal(old, new) for old, new in zip(start, moved, strict=True))
    halted.fill_(1.0)
    stayed = step(float("nan"))
    assert all(torch.equal(old, new) for old, new in zip(moved, stayed, strict=True))


PYTORCH_S: dict[OptimiserSettings, Callable[[list[dict[str, Any]]], torch.optim.Optimizer]] = {
    Sgd(0.1, weight_decay=0.01): lambda groups: torch.optim.SGD(groups, 0.1, momentum=0.9, nesterov=True, fused=True),
    Sgd(0.1, nesterov=False): lambda groups: torch.optim.SGD(groups, 0.1, momentum=0.9, fused=True),
    Sgd(0.1, momentum=0.0, nesterov=False): lambda groups: torch.optim.SGD(groups, 0.1, fused=True),
    AdamW(0.01, beta1=0.8): lambda groups: torch.optim.AdamW(groups, 0.01, betas=(0.8, 0.999), fused=True),
}


@pytest.mark.parametrize("settings", PYTORCH_S)
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_it_comes_to_the_bits_of_pytorch_s_fused_optimiser(
    settings: OptimiserSettings, layout: torch.memory_format, network: Network
) -> None:
    nets = [build(network).to(memory_format=layout) for _ in range(2)]  # pyright: ignore[reportCallIssue]
    own = make_optimiser(nets[0], settings, halted=torch.zeros(()))
    other = PYTORCH_S[settings](parameter_groups(nets[1], settings))
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        for mine, theirs in zip(*(net.parameters() for net in nets), strict=True):
            gradient = torch.randn(mine.shape, generator=generator)
            mine.grad, theirs.grad = (torch.empty_like(p).copy_(gradient) for p in (mine, theirs))
        own.step()
        other.step()
    for (name, mine), theirs in zip(nets[0].named_parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(mine, theirs), name
    state, wanted = optimiser_tensors(nets[0], own), optimiser_tensors(nets[1], other)
    assert state.keys() == wanted.keys()
    for name, tensor in state.items():
        assert torch.equal(tensor, wanted[name]), name
        assert tensor.stride() == wanted[name].stride(), name


def test_what_has_no_gradient_stays_and_gradients_are_forgotten() -> None:
    layer = nn.Linear(2, 1)
    optimiser = make_optimiser(layer, Sgd(weight_decay=0.1), halted=torch.zeros(()))
    layer.weight.grad, before = torch.ones_like(layer.weight), layer.bias.detach().clone()
    optimiser.step()
    assert torch.equal(layer.bias, before)
    assert set(optimiser_tensors(layer, optimiser)) == {"weight/momentum_buffer"}
    optimiser.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0.0, 0.0]]
    optimiser.zero_grad(set_to_none=True)
    assert layer.weight.grad is None


def test_all_groups_take_a_new_rate(network: Network) -> None:
    optimiser = make_optimiser(build(network), Sgd(), halted=torch.zeros(()))
    set_learning_rate(optimiser, 0.25)
    assert [group["lr"] for group in optimiser.param_groups] == [0.25, 0.25]


def test_the_rate_falls_by_stages_down_to_the_floor() -> None:
    parts = ["stem", "stage1", "stage2", "stage3", "head"]
    assert rate_factors(parts, decay=0.5, floor=0.2) == {
        "stem": 0.2,
        "stage1": 0.25,
        "stage2": 0.5,
        "stage3": 1.0,
        "head": 1.0,
    }
    assert set(rate_factors(parts, decay=1.0, floor=0.01).values()) == {1.0}
    assert rate_factors(parts, decay=1e-3, floor=0.0)["stem"] == pytest.approx(1e-9)


@pytest.mark.parametrize("settings", [Sgd(layer_decay=0.75), AdamW(layer_decay=0.75)])
def test_every_parameter_has_the_rate_of_its_stage_whatever_the_depth(settings: OptimiserSettings) -> None:
    net = build(describe("cifar_resnet110")).to("meta")
    optimiser = make_optimiser(net, settings, halted=torch.zeros(()))
    set_learning_rate(optimiser, 0.8)
    rates = {id(parameter): group["lr"] for group in optimiser.param_groups for parameter in group["params"]}
    expected = {"stem": 0.3375, "stage1": 0.45, "stage2": 0.6, "stage3": 0.8, "head": 0.8}
    for name, parameter in net.named_parameters():
        assert rates.pop(id(parameter)) == pytest.approx(expected[name.split(".")[0]]), name
    assert rates == {}
    decays = {
        id(parameter) for group in optimiser.param_groups if group["weight_decay"] for parameter in group["params"]
    }
    assert decays == {id(parameter) for parameter in net.parameters() if parameter.ndim >= 2}


def test_a_step_is_as_long_as_the_stage_s_rate_says(network: Network) -> None:
    """SGD without momentum and decay moves a weight by rate × gradient."""
    net = build(network)
    before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    settings = Sgd(momentum=0.0, nesterov=False, weight_decay=0.0, layer_decay=0.5, layer_decay_floor=0.4)
    optimiser = make_optimiser(net, settings, halted=torch.zeros(()))
    set_learning_rate(optimiser, 0.25)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    lengths = {"stem": 0.1, "stage1": 0.125, "stage2": 0.25, "head": 0.25}
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(before[name] - parameter, torch.full_like(parameter, lengths[name.split(".")[0]]))


@pytest.mark.parametrize("settings", [Sgd(), AdamW()])
def test_what_is_frozen_is_in_no_group_and_has_no_state(settings: OptimiserSettings, network: Network) -> None:
    net = build(network)
    freeze(net, "stage1")
    optimiser = make_optimiser(net, settings, halted=torch.zeros(()))
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    found = optimiser_tensors(net, optimiser)
    assert {name.split(".")[0] for name in found} == {"stage2", "head"}
    assert found.keys() == expected_tensors(net, settings).keys()


@pytest.mark.parametrize("settings", [Sgd(), AdamW()])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_the_state_comes_back_whatever_its_memory_layout(
    settings: OptimiserSettings, layout: torch.memory_format, network: Network
) -> None:
    """A kernel walks weights, gradients and state in memory order: state in another layout would mix up its entries."""

    def make() -> tuple[nn.Module, Optimiser]:
        net = build(network).to(memory_format=layout)  # pyright: ignore[reportCallIssue]  # torch's stubs lack it
        return net, make_optimiser(net, settings, halted=torch.zeros(()))

    def step(net: nn.Module, optimiser: Optimiser, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for parameter in net.parameters():
            gradient = torch.randn(parameter.shape, generator=generator)
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
        optimiser.step()

    net, optimiser = make()
    step(net, optimiser, 1)
    other, other_optimiser = make()
    other.load_state_dict(net.state_dict())
    saved = {name: tensor.contiguous() for name, tensor in optimiser_tensors(net, optimiser).items()}
    restore_optimiser(other, other_optimiser, saved)
    step(net, optimiser, 2)
    step(other, other_optimiser, 2)
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


@pytest.mark.parametrize(
    ("settings", "num_moments"), [(Sgd(), 1), (Sgd(momentum=0.0, nesterov=False), 0), (AdamW(), 2)]
)
def test_the_expected_state_is_that_behind_a_step(
    settings: OptimiserSettings, num_moments: int, network: Network
) -> None:
    net = build(network)
    optimiser = make_optimiser(net, settings, halted=torch.zeros(()))
    assert optimiser_tensors(net, optimiser) == {}
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    found, expected = optimiser_tensors(net, optimiser), expected_tensors(net, settings)
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in found.items()} == {
        name: (tensor.shape, tensor.dtype) for name, tensor in expected.items()
    }
    name, weight = next(iter(net.named_parameters()))
    like_it = [key for key, tensor in found.items() if key.startswith(f"{name}/") and tensor.shape == weight.shape]
    assert len(like_it) == len(kept_moments(settings)) == num_moments


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sgd(learning_rate=0), "optimiser.learning_rate is 0; expected a number in (0, inf)."),
        (lambda: Sgd(momentum=1.0), "optimiser.momentum is 1.0; expected a number in [0, 1)."),
        (lambda: Sgd(weight_decay=-1e-4), "optimiser.weight_decay is -0.0001; expected a number in [0, inf)."),
        (lambda: Sgd(nesterov=anything(1)), "optimiser.nesterov is 1; expected true or false."),
        (
            lambda: Sgd(momentum=0.0),
            "optimiser.nesterov is true with momentum 0, where it does nothing. "
            "Set optimiser.nesterov to false, or momentum to e.g. 0.9.",
        ),
        (
            lambda: Sgd(decay_on=anything("weight")),
            "optimiser.decay_on is 'weight'; expected one of 'weights', 'all'. Did you mean 'weights'?",
        ),
        (lambda: Sgd(layer_decay=0.0), "optimiser.layer_decay is 0.0; expected a number in (0, 1]."),
        (lambda: AdamW(layer_decay=1.5), "optimiser.layer_decay is 1.5; expected a number in (0, 1]."),
        (
            lambda: AdamW(layer_decay_floor=0.5),
            "optimiser.layer_decay_floor is 0.5 with layer_decay 1, where every stage has the whole rate. "
            "Leave it at 0.01, or set optimiser.layer_decay below 1, e.g. to 0.75.",
        ),
        (lambda: Sgd(layer_decay_floor=-0.1), "optimiser.layer_decay_floor is -0.1; expected a number in [0, 1]."),
        (lambda: AdamW(beta2=1.0), "optimiser.beta2 is 1.0; expected a number in [0, 1)."),
        (lambda: AdamW(learning_rate=float("inf")), "optimiser.learning_rate is inf; expected a number in (0, inf)."),
    ],
)
def test_what_is_no_optimiser_is_said(make: Callable[[], object], message: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)):
        make()
