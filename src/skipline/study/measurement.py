"""The measurement of an examination: one real network, read once. Its own file, since predictions load no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from skipline.init import build, scheme_named
from skipline.seeds import split_seed
from skipline.signal import Xray, xray
from skipline.signal.lesion import lesioned
from skipline.spec import Network
from skipline.study.examination import Conditions
from skipline.study.remedies import Candidate


def read(
    candidate: Candidate, conditions: Conditions, *, between: Callable[[], None], drop: Sequence[str] = ()
) -> Xray:
    """One x-ray of the network with real weights, in training mode, on Gaussian images, without the blocks `drop`.

    `between` is called between blocks on the way forward; what it raises ends the measurement, if it is no `Exception`.
    """
    net = build(candidate.network, seed=conditions.seed, scheme=scheme_named(candidate.init)).train()
    between()
    if drop:
        net = lesioned(net, drop=drop)
    for block in (each for name in net.stage_names for each in net.get_submodule(name).children()):
        block.register_forward_hook(lambda *_: between())
    return xray(net, images_of(candidate.network, conditions))


def images_of(network: Network, conditions: Conditions) -> Tensor:
    """The Gaussian images (N, C, H, W) that `network` is measured on."""
    generator = torch.Generator().manual_seed(split_seed(conditions.seed, "examination", "images"))
    side = conditions.image_size
    return torch.randn((conditions.batch_size, network.in_channels, side, side), generator=generator)
