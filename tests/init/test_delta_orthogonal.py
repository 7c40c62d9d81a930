"""Delta-orthogonal and Dirac convolutions: one tap, lengths kept."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from skipline.init import InitError, build, scheme_named
from skipline.nn import ResidualNet
from skipline.spec import Activation, Block, Branch, ConvWeights, Head, Network, Norm, NoShortcut, Stage, Stem
from skipline.zoo import describe


def plain(*widths: int, num_blocks: int = 10, groups: int = 1) -> Network:
    """A linear plain net, so that only its convolutions act: stages of these widths, at stride 1."""
    block = Block(Branch(groups=groups), NoShortcut())
    stages = tuple(Stage(num_blocks, width, width, block=block) for width in widths)
    return Network("plain", 3, Stem((widths[0],)), stages, Head(10), Norm("none"), Activation("identity"))


def before_head(net: ResidualNet, x: Tensor) -> Tensor:
    for name in ("stem", *net.stage_names):
        x = net.get_submodule(name)(x)
    return x


def images(channels: int = 3) -> Tensor:
    return torch.empty(4, channels, 9, 9).normal_(generator=torch.Generator().manual_seed(2))


def pad_in_circles(net: nn.Module) -> None:
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.padding_mode = "circular"


@pytest.mark.parametrize("groups", [1, 3])
def test_length_is_kept_through_forty_layers_under_circular_padding(groups: int) -> None:
    net = build(plain(6, 24, groups=groups), scheme=scheme_named("delta_orthogonal"), seed=1)
    pad_in_circles(net)
    x = images()
    y = before_head(net, x)
    assert y.shape == (4, 24, 9, 9)
    torch.testing.assert_close(y.flatten(1).norm(dim=1), x.flatten(1).norm(dim=1), rtol=1e-5, atol=0)


def test_all_singular_values_of_the_input_output_jacobian_are_one() -> None:
    net = build(plain(6, num_blocks=5), scheme=scheme_named("delta_orthogonal"), seed=1)
    jacobian = torch.autograd.functional.jacobian(lambda x: before_head(net, x), images()[:1, :, :3, :3])
    values = torch.linalg.svdvals(jacobian.reshape(6 * 9, 3 * 9))
    torch.testing.assert_close(values, torch.ones(27), rtol=0, atol=1e-5)


def test_the_activations_gain_is_in_every_layer() -> None:
    net = build(describe("digits_resnet8"), scheme=scheme_named("delta_orthogonal"))
    x = images(8)
    y = net.get_submodule("stage1.block1.branch.conv2")(x)
    torch.testing.assert_close(y.flatten(1).norm(dim=1), 2**0.5 * x.flatten(1).norm(dim=1), rtol=1e-5, atol=0)


def test_two_layers_have_matrices_of_their_own() -> None:
    net = build(plain(6), scheme=scheme_named("delta_orthogonal"))
    x = images(6)
    outputs = [net.get_submodule(f"stage1.block{number}.branch.conv1")(x) for number in (1, 2)]
    assert (outputs[0] - outputs[1]).abs().max() > 0.1


def test_a_convolution_that_narrows_is_refused_by_name() -> None:
    message = (
        "resnet50: stage1.block2.branch.conv1 goes from 256 to 64 channels, and a delta_orthogonal convolution, which "
        "keeps lengths, needs at least as many outputs as inputs. Use orthogonal, or blocks of kind 'basic' that never "
        "narrow."
    )
    with pytest.raises(InitError, match=re.escape(message)):
        build(describe("resnet50"), scheme=scheme_named("delta_orthogonal"))


@pytest.mark.parametrize("name", ["delta_orthogonal", "looks_linear", "autoinit", "taki(1)", "arpit", "fixup"])
def test_standardised_weights_are_refused_by_what_they_would_undo(name: str) -> None:
    block = Block(order="pre")
    stages = (Stage(1, 8, 8, block=block),)
    weights = ConvWeights("standardised")
    network = Network("mine", 3, Stem((8,)), stages, Head(5), Norm("none"), conv_weights=weights, first_identity="raw")
    stem = name.partition("(")[0]
    message = (
        "mine has standardised convolutions, which centre and rescale each filter: what "
        f"{stem} chooses would be undone. Use orthogonal or he_fan_in_normal, or ConvWeights()."
    )
    with pytest.raises(InitError, match=re.escape(message)):
        build(network, scheme=scheme_named(name))


@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_weights_are_those_of_pytorchs_dirac(groups: int) -> None:
    net = build(plain(4, 8, num_blocks=1, groups=groups), scheme=scheme_named("dirac"))
    for path in ("stem.conv1", "stage1.block1.branch.conv2", "stage2.block1.branch.conv1"):
        conv = net.get_submodule(path)
        assert isinstance(conv, nn.Conv2d)
        other = nn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=1, groups=conv.groups, bias=False)
        nn.init.dirac_(other.weight, conv.groups)
        x = images(conv.in_channels)
        assert torch.equal(conv(x), other(x))
