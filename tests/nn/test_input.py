"""The same net for images of another number of channels."""

from __future__ import annotations

import copy
import re

import pytest
import torch
from torch import Tensor

from skipline.init import build
from skipline.nn import adapted_filters, with_in_channels
from skipline.signal import features
from skipline.spec import SpecError, unfold
from skipline.spec.layers import Conv
from skipline.zoo import describe

NAMES = ("cifar_resnet20", "resnet50d", "cifar_preresnet164")


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers from a seed of their own."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", NAMES)
def test_a_grey_image_gives_what_it_gave_as_three_equal_channels(name: str) -> None:
    net = build(describe(name), seed=3).eval()
    grey = noise(2, 1, 64, 64, seed=1)
    with torch.no_grad():
        expected, found = net(grey.expand(-1, 3, -1, -1)), with_in_channels(net, 1)(grey)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_an_image_with_its_channels_twice_gives_what_it_gave() -> None:
    net = build(describe("cifar_resnet20"), seed=3).eval()
    images = noise(2, 3, 32, 32, seed=1)
    with torch.no_grad():
        expected, found = net(images), with_in_channels(net, 6)(images.repeat(1, 2, 1, 1))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_from_grey_to_colour_and_back_is_the_same_net() -> None:
    filters = noise(4, 1, 3, 3)
    torch.testing.assert_close(adapted_filters(adapted_filters(filters, 5), 1), filters)


def test_four_channels_take_red_green_blue_red_at_three_quarters() -> None:
    filters = torch.tensor([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1)
    assert adapted_filters(filters, 4).flatten().tolist() == [0.75, 7.5, 75.0, 0.75]
    assert adapted_filters(filters, 2).flatten().tolist() == [1.5, 15.0]
    assert adapted_filters(filters, 1).flatten().tolist() == [111.0]
    assert adapted_filters(filters, 3).flatten().tolist() == [1.0, 10.0, 100.0]


@pytest.mark.parametrize("in_channels", [1, 3, 5])
def test_all_else_is_kept_and_nothing_is_shared(in_channels: int) -> None:
    net = build(describe("cifar_resnet20"), seed=1).to(torch.bfloat16).eval()
    net = net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's stubs lack it
    net.stem.requires_grad_(False)
    net.get_submodule("stage1").train()
    before = copy.deepcopy(net.state_dict())
    own = with_in_channels(net, in_channels)
    assert own.network == describe("cifar_resnet20", in_channels=in_channels)
    first = own.get_parameter("stem.conv1.weight")
    assert first.shape == (16, in_channels, 3, 3)
    assert first.dtype == torch.bfloat16
    assert first.is_contiguous(memory_format=torch.channels_last)
    assert not first.requires_grad
    assert [module.training for module in own.modules()] == [module.training for module in net.modules()]
    addresses = {tensor.data_ptr() for tensor in net.state_dict().values()}
    for name, tensor in own.state_dict().items():
        assert tensor.data_ptr() not in addresses, name
        assert tensor.stride() == net.state_dict()[name].stride() or name == "stem.conv1.weight"
        if name != "stem.conv1.weight":
            assert torch.equal(tensor, before[name]), name
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert f"conv1): Conv2d({in_channels}, 16, " in repr(own)


def test_it_works_where_nothing_is_allocated() -> None:
    net = build(describe("cifar_resnet20")).to("meta")
    assert with_in_channels(net, 1)(torch.empty(2, 1, 32, 32, device="meta")).shape == (2, 10)


def test_standardised_filters_see_a_grey_image_as_one_of_equal_channels_up_to_their_scale() -> None:
    net = build(describe("bit_r50x1"), seed=3).eval()
    own = with_in_channels(net, 1)
    conv = next(step.name for step in unfold(net.network).stem if isinstance(step.layer, Conv))
    grey = noise(2, 1, 64, 64, seed=1)
    with torch.no_grad():
        (expected,) = features(net, grey.expand(-1, 3, -1, -1), [conv]).values()
        (found,) = features(own, grey, [conv]).values()
    scaled = [values / values.square().sum((0, 2, 3), keepdim=True).sqrt() for values in (expected, found)]
    torch.testing.assert_close(scaled[1], scaled[0], rtol=1e-3, atol=1e-4)
    assert own(grey).shape == (2, net.network.head.num_classes)


def test_what_no_image_has_is_refused() -> None:
    net = build(describe("cifar_resnet20"))
    with pytest.raises(SpecError, match=re.escape("Network.in_channels is 0; expected a whole number of at least 1.")):
        with_in_channels(net, 0)
    with pytest.raises(ValueError, match=re.escape("in_channels is 0; images have at least 1 channel.")):
        adapted_filters(torch.ones(1, 3, 1, 1), 0)
