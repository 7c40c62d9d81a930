"""The measurement of an examination: one real network, read once. Its own file, since predictions load no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from skipline.init import start, start_named
from skipline.nn import ResidualNet, assemble, seed_dropout
from skipline.seeds import split_seed
from skipline.signal import Xray, xray
from skipline.signal.lesion import lesioned
from skipline.spec import Network
from skipline.study.examination import Conditions, Passing, unwatched
from skipline.study.remedies import Candidate


def read(
    candidate: Candidate,
    conditions: Conditions,
    *,
    between: Callable[[], None],
    passing: Passing = unwatched,
    drop: Sequence[str] = (),
) -> Xray:
    """One x-ray of the network with real weights, in training mode, on Gaussian images, without the blocks `drop`.

    A start that looks at data sees these images, of one class after another. `between` is called between blocks, on the
    way forward and on the way back; what it raises ends the measurement, if it is no `Exception`. `passing` sees what
    passes behind each block.
    """
    net = started(candidate, conditions, between=between)
    if drop:
        net = lesioned(net, drop=drop)
    for name, block in net.named_blocks():
        block.register_forward_hook(_watched(name, between, passing))
    return xray(net, images_of(candidate.network, conditions))


def started(candidate: Candidate, conditions: Conditions, *, between: Callable[[], None]) -> ResidualNet:
    """The network with the weights that `read` measures; `between` as there."""
    net = assemble(candidate.network)
    images = images_of(candidate.network, conditions)
    # of a start that runs the net
    hooks = [block.register_forward_hook(lambda *_: between()) for _, block in net.named_blocks()]
    targets = torch.arange(len(images)) % max(1, candidate.network.head.num_classes)
    start(net, start_named(candidate.init), images=images, targets=targets, seed=conditions.seed)
    for hook in hooks:
        hook.remove()
    seed_dropout(net, split_seed(conditions.seed, "examination", "dropout"))
    between()
    return net


def _watched(name: str, between: Callable[[], None], passing: Passing) -> Callable[..., None]:
    """A hook on a block that tells `passing` of what comes by, forward and back."""

    def arrived(gradient: Tensor) -> None:
        passing(name, gradient, True)
        between()

    def passed(_block: object, _inputs: object, output: Tensor) -> None:
        passing(name, output, False)
        if output.requires_grad:
            output.register_hook(arrived)
        between()

    return passed


def images_of(network: Network, conditions: Conditions) -> Tensor:
    """The Gaussian images (N, C, H, W) that `network` is measured on."""
    generator = torch.Generator().manual_seed(split_seed(conditions.seed, "examination", "images"))
    side = conditions.image_size
    return torch.randn((conditions.batch_size, network.in_channels, side, side), generator=generator)
