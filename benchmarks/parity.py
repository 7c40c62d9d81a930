"""Parity: the same random weights in a peer's network and in ours give the same logits, gradients and statistics.

The weights travel as people's do: the peer's state dict is written to a file and `load_weights` reads it, and on the
way back `save_weights` writes a file that has the peer's tensors to the bit. A difference is `max |ours − theirs| /
max |theirs|` over one tensor, and a figure is the largest over all tensors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from peers import import_timm, import_torchvision, import_transformers
from torch import Tensor, nn

from skipline.nn import ResidualNet, assemble
from skipline.spec import Network
from skipline.weights import load_weights, save_weights
from skipline.weights.source import entries
from skipline.weights.sources import source_of

BATCH = 2
# Depth to (kind of block, channels of each stage, blocks), as in the published configurations microsoft/resnet-…
_MICROSOFT = {
    18: ("basic", (64, 128, 256, 512), (2, 2, 2, 2)),
    26: ("bottleneck", (256, 512, 1024, 2048), (2, 2, 2, 2)),
    34: ("basic", (64, 128, 256, 512), (3, 4, 6, 3)),
    50: ("bottleneck", (256, 512, 1024, 2048), (3, 4, 6, 3)),
    101: ("bottleneck", (256, 512, 1024, 2048), (3, 4, 23, 3)),
    152: ("bottleneck", (256, 512, 1024, 2048), (3, 8, 36, 3)),
}


@dataclass(frozen=True)
class Parity:
    """The largest differences of a network from a peer: in evaluation mode, in training mode with all gradients.

    `returns`: whether the peer, loaded with what `save_weights` wrote, has the same tensors to the bit.
    """

    evaluating: float
    training: float
    returns: bool


def make_peer(peer: str, *, blocks: tuple[int, ...] = ()) -> nn.Module:
    """The network that `timm:resnet50` or `transformers:microsoft/resnet-50` means; `blocks` a stage where they differ.

    Raises `PeerMissingError` where its library is not installed.
    """
    library, _, name = peer.partition(":")
    if name.endswith("_bit") and blocks:  # timm's own function for them takes the blocks from the name alone
        factor = int(re.findall(r"x(\d)_bit", name)[0])
        make = import_timm().models.resnetv2._create_resnetv2_bit
        return _without_weights(lambda: make(name, layers=blocks, width_factor=factor))
    if library == "timm":
        return _without_weights(lambda: import_timm().create_model(name, **({"layers": blocks} if blocks else {})))
    if library == "torchvision":
        assert not blocks, "torchvision's networks have the blocks that their names say"
        return _without_weights(lambda: import_torchvision().models.get_model(name))
    return _of_transformers(name, blocks=blocks)


def _of_transformers(name: str, *, blocks: tuple[int, ...]) -> nn.Module:
    """`microsoft/resnet-50`, `microsoft/resnet-50+downsample_in_bottleneck` or `google/bit-50`."""
    transformers = import_transformers()
    published, _, option = name.partition("+")
    if published == "google/bit-50":
        return transformers.BitForImageClassification(
            transformers.BitConfig(depths=list(blocks or (3, 4, 6, 3)), num_labels=1000)
        )
    (depth,) = re.findall(r"microsoft/resnet-(\d+)", published)
    kind, widths, depths = _MICROSOFT[int(depth)]
    configuration = transformers.ResNetConfig(
        layer_type=kind,
        hidden_sizes=list(widths),
        depths=list(blocks or depths),
        downsample_in_bottleneck=option == "downsample_in_bottleneck",
        num_labels=1000,
    )
    return transformers.ResNetForImageClassification(configuration)


def _without_weights(make: Callable[[], nn.Module]) -> nn.Module:
    """The network with tensors that nobody drew, where all it holds is in its state dict; a blur's filter is not."""
    with torch.device("meta"):
        net = make()
    if {name for name, _ in net.named_buffers()} <= net.state_dict().keys():
        return net.to_empty(device="cpu")
    return make()


def randomise(net: nn.Module) -> None:
    """Every tensor random, γ and running variances positive: nothing is at a value that hides a mistake."""
    generator = torch.Generator().manual_seed(20)
    for name, tensor in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            tensor.zero_()
        elif tensor.dim() > 1:
            tensor.normal_(0.0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
        elif name.endswith(("running_var", "weight")):
            tensor.uniform_(0.5, 1.5, generator=generator)
        else:
            tensor.normal_(0.0, 0.2, generator=generator)


def difference(got: Tensor, expected: Tensor) -> float:
    """`max |got − expected| / max |expected|`; infinite where one of them is not finite or the other is zero."""
    scale = expected.abs().max().item()
    largest = (got - expected).abs().max().item()
    if not (torch.isfinite(got).all() and torch.isfinite(expected).all()):
        return float("inf")
    return largest / scale if scale else float(largest > 0)


def compare(
    peer: str, network: Network, folder: Path, *, image_size: int, blocks: tuple[int, ...] = (), double: bool = False
) -> Parity:
    """Random weights through `peer` and through `network`, on images of `image_size`, in fp32 or `double`."""
    library = peer.partition(":")[0]
    theirs = make_peer(peer, blocks=blocks)
    randomise(theirs)
    dtype = torch.float64 if double else torch.float32
    theirs.to(dtype)
    there, back = folder / "theirs.safetensors", folder / "ours.safetensors"
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in theirs.state_dict().items()}, there)
    net = assemble(network).to(dtype)
    assert not net.dropout_names, "what is dropped at random is different in each"
    load_weights(net, there)
    save_weights(net, back, names=library)
    returns = _returns(back, theirs)
    names = _their_names(library, net)
    evaluating = _difference_of_outputs(theirs, net, names, image_size, training=False)
    training = _difference_of_outputs(theirs, net, names, image_size, training=True)
    return Parity(evaluating, training, returns)


def _returns(file: Path, theirs: nn.Module) -> bool:
    before = theirs.state_dict()
    found = safetensors.torch.load_file(file)
    return before.keys() == found.keys() and all(torch.equal(found[name], before[name]) for name in before)


def _difference_of_outputs(
    theirs: nn.Module, net: ResidualNet, names: Mapping[str, str], image_size: int, *, training: bool
) -> float:
    """Of logits and, in training mode, of the gradients by image and parameter and of the running statistics."""
    theirs.train(training)
    net.train(training)
    generator = torch.Generator().manual_seed(21)
    channels, dtype = net.network.in_channels, next(net.parameters()).dtype
    images = torch.empty(BATCH, channels, image_size, image_size, dtype=dtype).normal_(generator=generator)
    weights = torch.empty(BATCH, net.network.head.num_classes, dtype=dtype).normal_(generator=generator)
    passes = [_pass(model, images.clone(), weights, training=training) for model in (net, theirs)]
    (logits, gradient), (their_logits, their_gradient) = passes
    largest = difference(logits, their_logits)
    if not training:
        return largest
    largest = max(largest, difference(gradient, their_gradient))
    return max([largest, *_difference_of_tensors(theirs, net, names)])


def _pass(model: nn.Module, images: Tensor, weights: Tensor, *, training: bool) -> tuple[Tensor, Tensor]:
    """Logits, and in training mode the gradient by the images of their weighted sum; else zeros."""
    if not training:
        with torch.no_grad():
            return _logits(model, images), torch.zeros(1)
    images.requires_grad_(True)
    logits = _logits(model, images)
    (logits * weights).sum().backward()
    assert images.grad is not None
    return logits.detach(), images.grad


def _logits(model: nn.Module, images: Tensor) -> Tensor:
    output = model(images)
    return output if isinstance(output, Tensor) else output.logits


def _difference_of_tensors(theirs: nn.Module, net: ResidualNet, names: Mapping[str, str]) -> list[float]:
    """Of gradients and running statistics; `names` are theirs of ours."""
    found = []
    for name, parameter in net.named_parameters():
        other = theirs.get_parameter(names[name])
        assert parameter.grad is not None
        assert other.grad is not None
        found.append(difference(parameter.grad, other.grad.reshape(parameter.grad.shape)))
    for name, statistic in net.named_buffers():
        found.append(difference(statistic, theirs.get_buffer(names[name])))
    return found


def _their_names(library: str, net: ResidualNet) -> dict[str, str]:
    return {name: entry.theirs for name, entry in entries(source_of(library), net.network, net.state_dict()).items()}
