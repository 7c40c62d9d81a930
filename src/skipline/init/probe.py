"""A net as it is looked at before training: statistics of the batch, nothing dropped, nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from skipline.init.error import InitError
from skipline.nn import ResidualNet


@contextmanager
def probing(net: ResidualNet) -> Iterator[None]:
    """Within: batch norms use the batch's statistics and keep no running ones; dropouts and stochastic depth are off.

    Afterwards every module is in the mode that it was in.
    """
    modes = {module: module.training for module in net.modules()}
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    net.eval()
    for norm in norms:
        norm.train()
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
        for module, mode in modes.items():
            module.training = mode


def probe_loss(net: ResidualNet, parameters: Mapping[str, Tensor], batch: tuple[Tensor, Tensor]) -> Tensor:
    """The mean cross-entropy of `batch` under `parameters` instead of the net's own."""
    images, targets = batch
    return cross_entropy(functional_call(net, dict(parameters), (images,)), targets)


def drawn(batch: tuple[Tensor, Tensor], count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """`count` different samples of `batch`, in an order drawn on the CPU; all of them where there are no more."""
    images, targets = batch
    chosen = torch.randperm(len(images), generator=generator)[:count].to(images.device)
    return images[chosen], targets[chosen]


def require_finite(*values: Tensor, name: str) -> None:
    """Refuse a net that left the numbers; `name` is the fit's."""
    if not all(bool(value.isfinite().all()) for value in values):
        raise InitError(
            f"{name}: the loss or a derivative of it is not finite, so there is no direction to go in. "
            "Begin from a scheme that keeps the signal within the numbers, e.g. zero_branch(he_fan_out_normal)."
        )


def require_samples(net: ResidualNet, images: Tensor, targets: Tensor, *, name: str) -> None:
    """Refuse images and targets that `net` cannot be fitted to; `name` is the fit's."""
    if images.ndim != 4 or images.shape[1] != net.network.in_channels or not images.is_floating_point():
        raise InitError(
            f"{name} needs images (N, {net.network.in_channels}, H, W) of floating-point numbers and got "
            f"{tuple(images.shape)} of {images.dtype}. Give it a batch as the net will be trained on, preprocessed."
        )
    if len(images) < 2:
        raise InitError(f"{name} needs at least 2 images, which differ, and got {len(images)}.")
    if len(targets) != len(images):
        raise InitError(f"{name} got {len(images)} images and {len(targets)} targets; there is one for each image.")
    if not bool(images.isfinite().all()):
        raise InitError(f"{name} got images with numbers that are not finite. Look at the preprocessing.")
