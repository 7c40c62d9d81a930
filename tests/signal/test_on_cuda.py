"""X-rays and watches on a CUDA device: the numbers of a CPU, and one wait for the device in the end."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from skipline.init import build
from skipline.nn import ResidualNet
from skipline.signal import Xray, features, watching, xray
from skipline.zoo import describe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

LABELS = torch.arange(16) % 10
QUANTITIES = ("second_moment", "channel_mean_square", "channel_variance", "zero_fraction", "correlation")


def images() -> Tensor:
    return torch.empty(16, 3, 16, 16).normal_(generator=torch.Generator().manual_seed(1))


def loss_of(logits: Tensor) -> Tensor:
    return cross_entropy(logits.float(), LABELS.to(logits.device))


@pytest.fixture(autouse=True)
def ieee_convolutions() -> Iterator[None]:
    """Without TF32, whose products have ten bits."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def net_of(name: str) -> ResidualNet:
    return build(describe(name), seed=3)


def both(net: nn.Module) -> tuple[Xray, Xray]:
    here = xray(copy.deepcopy(net), images(), objective=loss_of)
    there = xray(net.cuda(), images().cuda(), objective=loss_of)
    return here, there


@pytest.mark.parametrize("name", ["cifar_resnet20", "cifar_preresnet20", "cifar_plain20", "cifar_revnet38"])
def test_the_readings_are_those_of_a_cpu(name: str) -> None:
    here, there = both(net_of(name))
    assert tuple(there.sites) == tuple(here.sites)
    for site, reading in here.sites.items():
        for quantity in QUANTITIES:
            expected = getattr(reading, quantity)
            assert getattr(there.sites[site], quantity) == pytest.approx(expected, rel=1e-3, abs=1e-5), site
        assert there.sites[site].gradient_norm == pytest.approx(reading.gradient_norm, rel=1e-2), site
    assert {name: reading.state for name, reading in there.tensors.items()} == {
        name: reading.state for name, reading in here.tensors.items()
    }
    assert there.objective == pytest.approx(here.objective, rel=1e-4)


def test_under_autocast_the_signal_is_the_same_to_its_eight_bits() -> None:
    net = net_of("cifar_resnet20").cuda()
    exact = xray(net, images().cuda(), objective=loss_of)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        rounded = xray(net, images().cuda(), objective=loss_of)
    moments = {site: reading.second_moment for site, reading in exact.sites.items()}
    assert {site: reading.second_moment for site, reading in rounded.sites.items()} != moments, "it did round"
    for site, reading in exact.sites.items():
        assert rounded.sites[site].second_moment == pytest.approx(reading.second_moment, rel=0.05), site
        assert rounded.sites[site].gradient_norm == pytest.approx(reading.gradient_norm, rel=0.2), site


def test_an_x_ray_waits_for_the_device_once() -> None:
    net, batch = net_of("cifar_resnet20").cuda(), images().cuda()
    xray(net, batch)  # loads what is loaded once
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            xray(net, batch)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    waits = [str(warning.message) for warning in said if "called a synchronizing" in str(warning.message)]
    assert len(waits) == 1, waits


def test_the_device_and_its_random_state_are_left_as_they_were() -> None:
    net = net_of("cifar_resnet20").cuda()
    assert features(net, images().cuda(), ["stage2.block1.out"])["stage2.block1.out"].is_cuda
    state = torch.cuda.get_rng_state()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    xray(net, images().cuda())
    assert torch.equal(torch.cuda.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_watching_changes_no_bit_of_a_step() -> None:
    def trained(*, is_watched: bool) -> tuple[dict[str, Tensor], int]:
        net = net_of("cifar_resnet20").cuda()
        optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        num_readings = 0
        with watching(net, every=2) as watch:
            for step in range(4):
                if is_watched:
                    watch.before_step(step)
                optimiser.zero_grad()
                loss_of(net(images().cuda())).backward()
                optimiser.step()
                num_readings += watch.after_step() is not None
        return net.state_dict(), num_readings

    without, none = trained(is_watched=False)
    found, two = trained(is_watched=True)
    assert (none, two) == (0, 2)
    assert all(torch.equal(found[name], tensor) for name, tensor in without.items())
