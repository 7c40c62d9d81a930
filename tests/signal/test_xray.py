"""X-rays of our nets: known signals, every quantity in place, and nothing left behind."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from skipline.init import build, scaled_identity
from skipline.nn import ResidualNet, seed_dropout
from skipline.signal import ProbeObjective, SignalError, features, xray
from skipline.spec import Activation, Block, Branch, Head, Network, Norm, NoShortcut, Stage, Stem, unfold
from skipline.spec.block import Shortcut
from skipline.spec.network import StochasticDepth
from skipline.zoo import describe


def images(num_images: int = 6, num_channels: int = 3) -> Tensor:
    return torch.empty(num_images, num_channels, 16, 16).normal_(generator=torch.Generator().manual_seed(1))


def linear_net(shortcut: Shortcut, alpha: float) -> ResidualNet:
    """Three blocks of two layers αI, one channel, no norm, no activation."""
    stages = (Stage(3, 1, 1, block=Block(Branch(), shortcut)),)
    network = Network("linear", 1, Stem((1,)), stages, Head(1), Norm("none"), Activation("identity"))
    return build(network, scheme=scaled_identity(alpha))


def test_a_plain_linear_net_has_powers_of_alpha() -> None:
    found = xray(linear_net(NoShortcut(), 0.5), torch.ones(2, 1, 4, 4), objective=torch.sum)
    outs = [found.sites[name] for name in ("stem", *(f"stage1.block{k}.out" for k in (1, 2, 3)))]
    assert [out.second_moment for out in outs] == pytest.approx([0.25**power for power in (1, 3, 5, 7)])
    # the mean over sixteen pixels hands each 1/16 of the gradient, which is 1/4 of its norm
    assert [out.gradient_norm for out in outs] == pytest.approx([0.25 * 0.5**power for power in (7, 5, 3, 1)])
    assert found.inputs["input"].gradient_norm == pytest.approx(0.25 * 0.5**8)
    assert all(out.correlation == pytest.approx(1) for out in outs)
    assert all(out.channel_variance == pytest.approx(0, abs=1e-7) for out in outs)


@pytest.mark.parametrize("alpha", [0.5, 1.5])
def test_a_layer_scaled_by_three_is_where_the_signal_jumps(alpha: float) -> None:
    net = linear_net(NoShortcut(), alpha)
    with torch.no_grad():
        net.get_parameter("stage1.block2.branch.conv2.weight").mul_(3)
    found = xray(net, torch.ones(2, 1, 4, 4), sites=[step.name for step in unfold(net.network).steps()])
    moments = [(name, reading.second_moment) for name, reading in found.sites.items() if "conv" in name]
    factors = {name: math.sqrt(after / before) for (_, before), (name, after) in pairwise(moments)}
    assert max(factors, key=lambda name: factors[name]) == "stage1.block2.branch.conv2"
    assert factors["stage1.block2.branch.conv2"] == pytest.approx(3 * alpha)


def test_every_site_is_read_in_order_and_the_head_has_the_probes_gradient() -> None:
    net = build(describe("cifar_resnet20"), seed=3)
    found = xray(net, images(64))
    assert tuple(found.sites) == unfold(net.network).sites
    # z has ten independent N(0, 1) for each of 64 images: the root of the mean square is √10 ± 4 %
    assert found.sites["head"].gradient_norm == pytest.approx(math.sqrt(10), rel=0.12)
    assert found.sites["stem"].shape == (64, 16, 16, 16)
    assert (found.num_inputs, found.is_training) == (64, True)
    assert set(found.tensors) == {name for name, _ in net.named_parameters()}
    assert {reading.state for reading in found.tensors.values()} == {"live"}


def test_tensors_have_the_norms_of_autograd() -> None:
    net = build(describe("cifar_resnet20"), seed=3)
    found = xray(net, images(), objective=lambda logits: logits.square().sum())
    net(images()).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None
        reading = found.tensors[name]
        assert reading.norm == pytest.approx(parameter.detach().norm().item(), rel=1e-5)
        assert reading.gradient_norm == pytest.approx(parameter.grad.norm().item(), rel=1e-4)
        if reading.norm:
            assert reading.gradient_ratio == pytest.approx(parameter.grad.norm().item() / reading.norm, rel=1e-4)


@pytest.mark.parametrize("is_training", [True, False])
def test_the_net_is_left_as_it_was(is_training: bool) -> None:
    net = build(describe("cifar_resnet20")).train(is_training)
    net(images()).sum().backward()
    net.get_parameter("stem.conv1.weight").requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    grads = {name: parameter.grad.clone() for name, parameter in net.named_parameters() if parameter.grad is not None}
    state, batch = torch.get_rng_state(), images()
    found = xray(net, batch)
    assert found.is_training == net.training == is_training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(torch.equal(net.get_parameter(name).grad, grad) for name, grad in grads.items())  # pyright: ignore
    assert [name for name, parameter in net.named_parameters() if not parameter.requires_grad] == ["stem.conv1.weight"]
    assert found.tensors["stem.conv1.weight"].state == "frozen"
    assert found.tensors["stem.conv1.weight"].gradient_norm is None
    assert torch.equal(torch.get_rng_state(), state)
    assert not batch.requires_grad
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_zero_gamma_is_asleep_and_what_is_cut_off_is_dead() -> None:
    net = build(describe("cifar_resnet20"), seed=2)
    cut = "stage2.block2.branch"
    with torch.no_grad():
        for block in ("stage1.block1", "stage3.block2"):  # the branch's end starts at zero
            net.get_parameter(f"{block}.branch.norm2.weight").zero_()
        net.get_parameter(f"{cut}.norm1.weight").zero_()  # its ReLU then gives max(−1, 0) = 0 whatever the images are,
        net.get_parameter(f"{cut}.norm1.bias").fill_(-1)  # and hands nothing back
    found = xray(net, images())
    asleep = {name for name, reading in found.tensors.items() if reading.state == "asleep"}
    inside = ("conv1.weight", "norm1.weight", "norm1.bias", "conv2.weight")
    assert asleep == {f"{block}.branch.{name}" for block in ("stage1.block1", "stage3.block2") for name in inside}
    dead = {name for name, reading in found.tensors.items() if reading.state == "dead"}
    assert {f"{cut}.conv1.weight", f"{cut}.norm1.weight", f"{cut}.norm1.bias"} <= dead
    assert all(name.startswith(cut) for name in dead)


def test_sleep_behind_sleep_is_found() -> None:
    """A classifier of zeros and a branch that ends in zeros, as in Fixup: the branch's first layer wakes last."""
    first, last, head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(head.weight)
    found = xray(nn.Sequential(OrderedDict(first=first, last=last, head=head)), torch.ones(3, 4))
    states = {name: reading.state for name, reading in found.tensors.items()}
    assert states == {
        **{f"first.{name}": "asleep" for name in ("weight", "bias")},
        **{f"last.{name}": "asleep" for name in ("weight", "bias")},
        **{f"head.{name}": "live" for name in ("weight", "bias")},
    }


def test_a_shared_probe_makes_gradients_of_equal_inputs_equal() -> None:
    net = build(describe("cifar_resnet20")).eval()
    same = images(1).expand(4, -1, -1, -1)
    found = xray(net, same, objective=ProbeObjective(is_shared=True))
    assert found.sites["stem"].gradient_correlation == pytest.approx(1, abs=1e-4)
    apart = xray(net, same).sites["stem"].gradient_correlation
    assert apart is not None
    assert abs(apart) < 0.8


def test_the_seed_decides_the_probe() -> None:
    net = build(describe("cifar_resnet20"))
    one, again, other = (xray(net, images(), objective=ProbeObjective(seed)) for seed in (1, 1, 2))
    assert one == again
    assert one.objective != other.objective


def test_a_branch_that_stochastic_depth_leaves_out_is_not_in_the_result() -> None:
    net = build(replace(describe("cifar_resnet20"), stochastic_depth=StochasticDepth(0.7, mode="batch"))).train()
    seed_dropout(net, 1)
    found = xray(net, images(2))
    missing = [name for name in unfold(net.network).sites if name not in found.sites]
    assert missing
    assert all(name.endswith(".branch") for name in missing)
    assert {reading.state for name, reading in found.tensors.items() if f"{missing[0]}." in name} == {"unused"}


def test_bfloat16_is_measured_under_the_callers_autocast() -> None:
    net = build(describe("cifar_resnet20"))
    wide = xray(net, images())
    with torch.autocast("cpu", torch.bfloat16):
        narrow = xray(net, images())
    for name, reading in wide.sites.items():
        assert narrow.sites[name].second_moment == pytest.approx(reading.second_moment, rel=0.03), name
        assert narrow.sites[name].gradient_norm == pytest.approx(reading.gradient_norm, rel=0.1), name
    assert narrow.sites["stem"].second_moment != wide.sites["stem"].second_moment


def test_callers_without_gradients_are_measured_all_the_same() -> None:
    net = build(describe("cifar_resnet20"))
    expected = xray(net, images())
    with torch.no_grad():
        assert xray(net, images()) == expected
    with torch.inference_mode():
        assert xray(net, images()) == expected


def test_chosen_places_are_read_in_the_order_of_the_pass() -> None:
    net = build(describe("cifar_resnet20"))
    names = ["stage1.block1.branch.conv1", "head"]
    assert list(xray(net, images(), sites=names).sites) == names
    with pytest.raises(ValueError, match=r"no place 'stage9'"):
        xray(net, images(), sites=["stage9"])
    with pytest.raises(SignalError, match=r"which is one place; expected a list of places\. Write \[\"stem\"\]"):
        xray(net, images(), sites="stem")


def test_a_spoilt_net_is_read_as_it_is() -> None:
    net = build(describe("cifar_resnet20"))
    with torch.no_grad():
        net.get_parameter("stage2.block1.branch.conv1.weight")[0, 0, 0, 0] = float("nan")
    found = xray(net, images())
    assert found.sites["stage1.block3.out"].num_nonfinite == 0
    assert found.sites["stage2.block1.branch"].num_nonfinite > 0
    assert math.isnan(found.sites["head"].second_moment)


class Transfers(TorchFunctionMode):
    """Counts what waits for a device to hand its numbers over."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.__name__ in ("tolist", "item", "cpu", "numpy", "nonzero", "__float__", "__int__", "__bool__"):
            self.found[func.__name__] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", ["ours", "foreign"])
def test_numbers_are_fetched_once(kind: str) -> None:
    net = build(describe("cifar_resnet20")) if kind == "ours" else nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    with Transfers() as transfers:
        found = xray(net, images())
    num_rows = 2 * (len(found.sites) + len(found.inputs))
    assert transfers.found["tolist"] == 1
    assert set(transfers.found) <= {"tolist", "__bool__"}
    assert transfers.found["__bool__"] <= num_rows  # asked on the CPU alone, whose numbers are here


def test_every_sites_gradient_is_that_of_autograd() -> None:
    """Also where a sum hands one gradient on to both of its sides."""
    net = build(describe("cifar_resnet20"), seed=3)
    sites = unfold(net.network).sites
    values = features(net, images(), sites)
    gradients = torch.autograd.grad(values["head"].square().sum(), list(values.values()))
    found = xray(net, images(), objective=lambda logits: logits.square().sum())
    for name, gradient in zip(sites, gradients, strict=True):
        expected = gradient.flatten(1).double().square().sum(1).mean().sqrt().item()
        assert found.sites[name].gradient_norm == pytest.approx(expected, rel=1e-4), name
        assert found.sites[name].second_moment == pytest.approx(values[name].double().square().mean().item(), rel=1e-5)
