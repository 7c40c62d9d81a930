"""Parity with another library's network: its weights by our names, and outputs, gradients and statistics held equal."""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from skipline.nn import ResidualNet, assemble, seed_dropout
from skipline.spec import Network

TOLERANCE = 1e-5  # relative difference of norms, fp32
SIDE = 64  # pixels

_RENAMED = (
    (r"^conv1\.0\.", "stem.conv1."),  # timm's deep stem: convolutions 0, 3, 6 and norms 1, 4, then bn1
    (r"^conv1\.1\.", "stem.norm1."),
    (r"^conv1\.3\.", "stem.conv2."),
    (r"^conv1\.4\.", "stem.norm2."),
    (r"^conv1\.6\.", "stem.conv3."),
    (r"^conv1\.", "stem.conv1."),
    (r"^maxpool\.0\.", "stem.conv4."),  # ResNet-RS
    (r"^maxpool\.1\.", "stem.norm4."),
    (r"^stem\.conv\.", "stem.conv1."),  # resnetv2
    (r"^fc\.|^head\.fc\.", "head.linear."),
    (r"^norm\.", "head.norm."),
    (r"^layer(\d+)\.(\d+)\.conv(\d)\.", r"stage\1.block<\2>.branch.conv\3."),
    (r"^layer(\d+)\.(\d+)\.bn(\d)\.", r"stage\1.block<\2>.branch.norm\3."),
    (r"^layer(\d+)\.(\d+)\.se\.", r"stage\1.block<\2>.branch.attention."),
    (r"^layer(\d+)\.(\d+)\.downsample\.0\.", r"stage\1.block<\2>.shortcut.conv."),
    (r"^layer(\d+)\.(\d+)\.downsample\.1\.", r"stage\1.block<\2>.shortcut.norm."),
    (r"^stages\.(\d+)\.blocks\.(\d+)\.downsample\.", r"stage<\1>.block<\2>.shortcut."),
    (r"^stages\.(\d+)\.blocks\.(\d+)\.", r"stage<\1>.block<\2>.branch."),
)


def ours(name: str, *, known: set[str], has_deep_stem: bool, averages: bool) -> str:
    """Our name of a tensor of theirs, `known` being all of ours."""
    name = re.sub(r"^bn1\.", "stem.norm3." if has_deep_stem else "stem.norm1.", name)
    if averages:  # a pool stands before the convolution
        name = name.replace("downsample.1.", "downsample.0.").replace("downsample.2.", "downsample.1.")
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    name = re.sub("<(.*?)>", lambda found: str(int(found[1]) + 1), name)
    return name if name in known else name.replace(".branch.", ".entry.")


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
    """Logits of two images, and in training mode every gradient and running statistic."""
    theirs.train(training)
    net.train(training)
    seed_dropout(net, 0)
    generator = torch.Generator().manual_seed(21)
    images = torch.empty(2, 3, SIDE, SIDE).normal_(generator=generator)
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
        assert difference(gradient, parameter.grad.view_as(gradient)) < TOLERANCE, name
    for name, statistic in theirs.named_buffers():
        if name in names:
            assert difference(net.get_buffer(names[name]), statistic) < TOLERANCE, name


def compare(
    theirs: nn.Module, network: Network, *, has_deep_stem: bool = False, averages: bool = False, training: bool = True
) -> None:
    """Carry random weights over by name, strictly, and hold the outputs of both modes."""
    if next(theirs.parameters()).is_meta:
        theirs.to_empty(device="cpu")  # made without weights
    randomise(theirs)
    net = assemble(network)
    known = net.state_dict()
    kept = [key for key in theirs.state_dict() if not key.endswith("num_batches_tracked")]
    names = {key: ours(key, known=set(known), has_deep_stem=has_deep_stem, averages=averages) for key in kept}
    weights = {names[key]: theirs.state_dict()[key] for key in kept}
    weights["head.linear.weight"] = weights["head.linear.weight"].flatten(1)  # timm's resnetv2 has a 1×1 convolution
    net.load_state_dict(weights, strict=True)
    assert_same(theirs, net, names, training=False)
    if training:
        assert_same(theirs, net, names, training=True)
