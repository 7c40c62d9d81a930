"""The first place that is not finite is named, and the net is left as it was."""

from __future__ import annotations

import pytest
import torch

from skipline.init import build, scaled_identity
from skipline.nn import ResidualNet, seed_dropout
from skipline.signal import first_nonfinite_site
from skipline.spec import Activation, Block, Branch, Head, Network, Norm, NoShortcut, Stage, Stem
from skipline.zoo import describe


def images(num_channels: int = 3) -> torch.Tensor:
    return torch.empty(2, num_channels, 8, 8).normal_(generator=torch.Generator().manual_seed(1))


def net() -> ResidualNet:
    return build(describe("cifar_resnet20"))


def test_a_finite_net_has_none() -> None:
    assert first_nonfinite_site(net(), images()) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_images_come_first(value: float) -> None:
    batch = images()
    batch[1, 2, 3, 4] = value
    assert first_nonfinite_site(net(), batch) == "images"


@pytest.mark.parametrize(
    "name",
    [
        "stem.conv1.weight",
        "stage2.block2.branch.norm1.weight",
        "stage2.block2.branch.norm1.bias",
        "stage3.block3.branch.conv2.weight",
        "head.linear.bias",
    ],
)
def test_a_spoilt_parameter_is_named(name: str) -> None:
    model = net()
    model.get_parameter(name).detach().view(-1)[-1] = float("nan")
    assert first_nonfinite_site(model, images()) == name


@pytest.mark.parametrize("name", ["stem.norm1.running_var", "stage2.block2.branch.norm1.running_mean"])
@pytest.mark.parametrize("is_training", [True, False])
def test_a_spoilt_statistic_is_named(name: str, is_training: bool) -> None:
    """In training mode it does not reach the output, but it would be saved."""
    model = net().train(is_training)
    model.get_buffer(name)[-1] = float("inf")
    assert first_nonfinite_site(model, images()) == name


def test_a_statistic_that_only_this_pass_would_spoil_is_not_named() -> None:
    """A variance of about 1e50 is beyond fp32; the norm divides by it, and the net's own statistic stays 1."""
    model = net().train()
    model.get_parameter("stem.conv1.weight").detach().mul_(1e25)
    assert first_nonfinite_site(model, images()) is None


def test_of_two_spoilt_parameters_the_one_that_the_signal_meets_first() -> None:
    model = net()
    for name in ("stage1.block1.branch.conv1.weight", "stage2.block1.branch.conv1.weight"):
        model.get_parameter(name).detach().view(-1)[0] = float("inf")
    assert first_nonfinite_site(model, images()) == "stage1.block1.branch.conv1.weight"


def test_a_projection_shortcut_runs_before_its_branch() -> None:
    model = build(describe("cifar_resnet20_b"))
    for name in ("stage2.block1.branch.conv1.weight", "stage2.block1.shortcut.conv.weight"):
        model.get_parameter(name).detach().view(-1)[0] = float("nan")
    assert first_nonfinite_site(model, images()) == "stage2.block1.shortcut.conv.weight"


def test_an_overflow_of_finite_weights_names_the_step_where_it_happens() -> None:
    """1e30 a layer: the stem gives 1e30, the second convolution would give 1e60."""
    stages = (Stage(2, 1, 1, block=Block(Branch(), NoShortcut())),)
    network = Network("linear", 1, Stem((1,)), stages, Head(1), Norm("none"), Activation("identity"))
    model = build(network, scheme=scaled_identity(1e30))
    assert first_nonfinite_site(model, torch.ones(1, 1, 2, 2)) == "stage1.block1.branch.conv1"


def test_an_overflowing_sum_is_named_as_a_site() -> None:
    model = net().eval()
    for name in ("stage1.block1.branch.norm2.bias", "stage1.block2.branch.norm2.bias"):
        model.get_parameter(name).detach().fill_(2e38)  # each is finite in fp32, their sum of 4e38 is not
    model.get_parameter("stage1.block2.branch.conv1.weight").detach().zero_()  # nothing overflows before it
    assert first_nonfinite_site(model, images()) == "stage1.block2.sum"


def test_the_net_is_left_as_it_was_in_training_mode() -> None:
    model = net().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first_nonfinite_site(model, images())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_dropout_runs_with_the_steps_masks() -> None:
    model = build(describe("cifar_resnet110_dropout_shortcut")).train()
    seed_dropout(model, 1)
    assert first_nonfinite_site(model, images()) is None
