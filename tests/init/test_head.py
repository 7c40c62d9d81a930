"""A new head on a built net."""

from __future__ import annotations

import copy
import re

import pytest
import torch

from skipline.init import InitError, build, scaled_identity, scheme_named, with_head
from skipline.nn import freeze
from skipline.signal import features
from skipline.spec import SpecError
from skipline.zoo import describe

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["cifar_resnet20", "resnet50", "cifar_preresnet164"])
def test_only_the_classifier_is_new(name: str) -> None:
    net = build(describe(name), seed=1).eval()
    own = with_head(net, 7, seed=2)
    assert own.network == describe(name, num_classes=7)
    with torch.no_grad():
        assert own(IMAGES).shape == (2, 7)
        (kept,), (found,) = (features(each, IMAGES, ["head.pool"]).values() for each in (net, own))
    assert torch.equal(kept, found)
    assert torch.equal(
        own.get_parameter("head.linear.weight"), build(own.network, seed=2).get_parameter("head.linear.weight")
    )


def test_the_new_weights_are_uniform_below_one_over_the_root_of_the_fan() -> None:
    net = build(describe("cifar_resnet20"))
    weight = with_head(net, 1000, seed=5).get_parameter("head.linear.weight").detach()
    assert weight.abs().max() <= 1 / 8  # 64 channels
    assert weight.double().var().item() == pytest.approx(1 / (3 * 64), rel=0.02)
    assert not torch.equal(weight, with_head(net, 1000, seed=6).get_parameter("head.linear.weight"))


def test_another_scheme_starts_it_otherwise() -> None:
    net = build(describe("cifar_resnet20"))
    own = with_head(net, 3, scheme=scaled_identity(2.0))
    assert torch.equal(own.get_parameter("head.linear.weight"), 2 * torch.eye(3, 64))
    assert not own.get_parameter("head.linear.bias").any()


def test_device_dtype_format_and_mode_are_kept_and_nothing_is_shared() -> None:
    net = build(describe("cifar_resnet20"), seed=1).to(torch.bfloat16).eval()
    net = net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's stubs lack it
    net.get_submodule("stage2").train()
    freeze(net, "head")
    before = copy.deepcopy(net.state_dict())
    own = with_head(net, 10, seed=9)
    assert [module.training for module in own.modules()] == [module.training for module in net.modules()]
    learning = {name for name, parameter in own.named_parameters() if parameter.requires_grad}
    assert learning == {"head.linear.weight", "head.linear.bias"}
    addresses = {tensor.data_ptr() for tensor in net.state_dict().values()}
    for name, tensor in own.state_dict().items():
        assert tensor.data_ptr() not in addresses, name
        assert (tensor.dtype, tensor.stride()) == (before[name].dtype, before[name].stride()), name
        assert torch.equal(tensor, before[name]) != name.startswith("head.linear"), name
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_it_works_where_nothing_is_allocated() -> None:
    own = with_head(build(describe("cifar_resnet20")).to("meta"), 4)
    assert own(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 4)


def test_a_scheme_that_cannot_start_the_network_is_refused() -> None:
    net = build(describe("cifar_plain20"))
    with pytest.raises(InitError, match="cifar_plain20: stage1 is plain: with its branch at zero nothing would pass"):
        with_head(net, 3, scheme=scheme_named("zero_gamma(he_fan_out_normal)"))


def test_no_class_is_refused() -> None:
    net = build(describe("cifar_resnet20"))
    with pytest.raises(SpecError, match=re.escape("Head.num_classes is 0; expected a whole number of at least 1.")):
        with_head(net, 0)
