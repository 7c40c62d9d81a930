"""Parity: with the same weights, logits and gradients are those of timm and torchvision."""

from __future__ import annotations

import re
from dataclasses import replace
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from skipline.nn import ResidualNet, assemble
from skipline.spec import Network
from skipline.zoo import describe

TOLERANCE = 1e-5  # relative difference of norms, fp32

_RENAMED = (
    (r"^conv1\.0\.", "stem.conv1."),  # timm's deep stem: convolutions 0, 3, 6 and norms 1, 4, then bn1
    (r"^conv1\.1\.", "stem.norm1."),
    (r"^conv1\.3\.", "stem.conv2."),
    (r"^conv1\.4\.", "stem.norm2."),
    (r"^conv1\.6\.", "stem.conv3."),
    (r"^conv1\.", "stem.conv1."),
    (r"^fc\.", "head.linear."),
    (r"^layer(\d+)\.(\d+)\.conv(\d)\.", r"stage\1.block<\2>.branch.conv\3."),
    (r"^layer(\d+)\.(\d+)\.bn(\d)\.", r"stage\1.block<\2>.branch.norm\3."),
    (r"^layer(\d+)\.(\d+)\.downsample\.", r"stage\1.block<\2>.shortcut."),
)


def ours(name: str, *, has_deep_stem: bool, averages: bool) -> str:
    """Our name of a tensor of theirs."""
    name = re.sub(r"^bn1\.", "stem.norm3." if has_deep_stem else "stem.norm1.", name)
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    name = re.sub("<(.*)>", lambda found: str(int(found[1]) + 1), name)
    conv, norm = ("1", "2") if averages else ("0", "1")
    return name.replace(f"shortcut.{conv}.", "shortcut.conv.").replace(f"shortcut.{norm}.", "shortcut.norm.")


def randomise(net: nn.Module) -> None:
    """Every tensor random, γ and running variances positive: nothing is at a value that hides a mistake."""
    generator = torch.Generator().manual_seed(20)
    for name, tensor in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        if tensor.dim() > 1:
            tensor.normal_(0.0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
        elif name.endswith(("running_var", "weight")):
            tensor.uniform_(0.5, 1.5, generator=generator)
        else:
            tensor.normal_(0.0, 0.2, generator=generator)


def difference(got: Tensor, expected: Tensor) -> float:
    """‖got − expected‖ / ‖expected‖."""
    return ((got - expected).norm() / expected.norm()).item()


def assert_same(theirs: nn.Module, net: ResidualNet, names: dict[str, str], *, training: bool) -> None:
    """Logits of two images of 64×64 pixels, and in training mode every gradient and running statistic."""
    theirs.train(training)
    net.train(training)
    generator = torch.Generator().manual_seed(21)
    images = torch.empty(2, 3, 64, 64).normal_(generator=generator)
    expected, got = theirs(images), net(images)
    assert difference(got, expected) < TOLERANCE
    if not training:
        return
    weights = torch.empty_like(got).normal_(generator=generator)
    (expected * weights).sum().backward()
    (got * weights).sum().backward()
    for name, parameter in theirs.named_parameters():
        gradient = net.get_parameter(names[name]).grad
        assert gradient is not None
        assert parameter.grad is not None
        assert difference(gradient, parameter.grad) < TOLERANCE, name
    for name, statistic in theirs.named_buffers():
        if name in names:
            assert difference(net.get_buffer(names[name]), statistic) < TOLERANCE, name


def compare(theirs: nn.Module, network: Network, *, has_deep_stem: bool = False, averages: bool = False) -> None:
    """Carry random weights over by name, strictly, and hold the outputs of both modes."""
    theirs.to_empty(device="cpu")  # made without weights
    randomise(theirs)
    kept = [key for key in theirs.state_dict() if not key.endswith("num_batches_tracked")]
    names = {key: ours(key, has_deep_stem=has_deep_stem, averages=averages) for key in kept}
    net = assemble(network)
    net.load_state_dict({names[key]: theirs.state_dict()[key] for key in kept}, strict=True)
    assert_same(theirs, net, names, training=False)
    assert_same(theirs, net, names, training=True)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_logits_and_gradients_are_those_of_timm(timm: ModuleType, name: str) -> None:
    with torch.device("meta"):
        theirs = timm.create_model(name)
    compare(theirs, describe(name))


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_logits_and_gradients_are_those_of_torchvision(torchvision: ModuleType, name: str) -> None:
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name)
    compare(theirs, describe(name))


@pytest.mark.parametrize(
    ("name", "is_d"),
    [("resnext50_32x4d", False), ("wide_resnet50_2", False), ("resnet18d", True), ("resnet50d", True)],
)
def test_relatives_cut_short_are_those_of_timm(timm: ModuleType, name: str, is_d: bool) -> None:
    layers = (1, 2, 1, 1)
    with torch.device("meta"):
        theirs = timm.create_model(name, layers=layers)
    network = describe(name)
    stages = tuple(replace(stage, num_blocks=n) for stage, n in zip(network.stages, layers, strict=True))
    compare(theirs, replace(network, stages=stages), has_deep_stem=is_d, averages=is_d)
