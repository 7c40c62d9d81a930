"""The lecture's two laws: a residual block with f = 0 is the identity, and a plain block can be made one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from skipline.init import build, scaled_identity, scheme_named
from skipline.nn import ResidualNet
from skipline.spec import Activation, Network, Norm
from skipline.zoo import describe

ZERO = scheme_named("zero_branch(he_fan_out_normal)")


def signal(*shape: int) -> Tensor:
    """A random signal of both signs."""
    return torch.empty(*shape).normal_(generator=torch.Generator().manual_seed(5))


def started(network: Network, mode: str) -> ResidualNet:
    """The network with every branch at zero, in a mode."""
    return build(network, scheme=ZERO, seed=1).train(mode == "train")


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_a_residual_block_with_f_zero_is_exactly_relu(mode: str, norm: str) -> None:
    network = replace(describe("cifar_resnet20"), norm=Norm("batch") if norm == "batch" else Norm("none"))
    x = signal(4, 16, 8, 8)
    assert torch.equal(started(network, mode).get_submodule("stage1.block2")(x), x.clamp(min=0))


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_residual_bottleneck_with_f_zero_is_exactly_relu(mode: str) -> None:
    x = signal(4, 256, 4, 4)
    assert torch.equal(started(describe("resnet50"), mode).get_submodule("stage1.block2")(x), x.clamp(min=0))


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_preactivation_block_with_f_zero_is_exactly_the_identity(mode: str) -> None:
    x = signal(4, 128, 8, 8)
    assert torch.equal(started(describe("cifar_preresnet20"), mode).get_submodule("stage2.block2")(x), x)


def test_where_shapes_change_a_block_with_f_zero_is_relu_of_its_shortcut() -> None:
    block = started(describe("cifar_resnet20"), "eval").get_submodule("stage2.block1")
    x = signal(4, 16, 8, 8)
    expected = torch.zeros(4, 32, 4, 4)
    expected[:, 8:24] = x[:, :, ::2, ::2].clamp(min=0)
    assert torch.equal(block(x), expected)


def test_a_plain_block_built_as_the_identity_passes_what_is_not_negative() -> None:
    network = replace(describe("cifar_plain20"), norm=Norm("none"))
    block = build(network, scheme=scaled_identity(1.0)).get_submodule("stage1.block2")
    x = signal(4, 16, 8, 8)
    assert torch.equal(block(x.abs()), x.abs())
    assert torch.equal(block(x), x.clamp(min=0))  # and only that: what is negative is lost


def test_a_plain_block_with_norms_is_the_identity_where_these_undo_their_statistics() -> None:
    block = build(describe("cifar_plain20"), scheme=scaled_identity(1.0)).get_submodule("stage1.block2").eval()
    generator = torch.Generator().manual_seed(6)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
            with torch.no_grad():
                module.weight.copy_((module.running_var + module.eps).sqrt())
                module.bias.copy_(module.running_mean)
    x = signal(4, 16, 8, 8).abs()
    torch.testing.assert_close(block(x), x, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_a_leaky_relu_outside_the_block_is_what_remains_of_it(slope: float) -> None:
    network = replace(describe("cifar_resnet20"), activation=Activation("leaky_relu", slope))
    x = signal(4, 16, 8, 8)
    assert torch.equal(started(network, "eval").get_submodule("stage1.block2")(x), torch.where(x > 0, x, slope * x))
