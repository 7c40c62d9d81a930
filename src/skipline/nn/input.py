"""The input side of a built network: the same net for images of another number of channels."""

from __future__ import annotations

import copy
import dataclasses

import torch
from torch import Tensor, nn

from skipline.nn.net import ResidualNet
from skipline.spec import unfold
from skipline.spec.layers import Conv


def adapted_filters(filters: Tensor, in_channels: int) -> Tensor:
    """The filters (O, C, K, K) of a first convolution, as filters (O, in_channels, K, K) for other images.

    To one channel: `w'₁ = Σ w_c`; a grey image then gives what it gave as C equal channels. To n channels:
    `w'_j = (C / n) w_{j mod C}`, the filters in turn, at the size that keeps the sum over channels where C divides n.
    From one channel to n the two agree: each has w / n. The result has the device, dtype and memory format of
    `filters`. Raises `ValueError` for less than one channel.
    """
    old = filters.shape[1]
    if in_channels < 1:
        raise ValueError(f"in_channels is {in_channels}; images have at least 1 channel. The nearest valid value is 1.")
    if in_channels == old:
        return filters.clone()
    if in_channels == 1:
        return filters.sum(dim=1, keepdim=True)
    turns = torch.arange(in_channels, device=filters.device) % old
    return filters.index_select(1, turns) * (old / in_channels)


def with_in_channels(net: ResidualNet, in_channels: int) -> ResidualNet:
    """A copy of `net` for images of `in_channels` channels; its first convolution has `adapted_filters`.

    Everything else is copied: weights, running statistics, device, dtype, memory format, training or eval mode, what
    is frozen. `net` stays as it is and shares no tensor with the result. Behind the sum over channels a net with
    weight-standardised convolutions sees filters of another scale: there the adapted net starts near the old one, not
    at it. Raises `SpecError` for a number of channels that no image has.
    """
    network = dataclasses.replace(net.network, in_channels=in_channels)  # refuses before anything is copied
    own = copy.deepcopy(net)
    own.network = network
    first = next(step.name for step in unfold(network).stem if isinstance(step.layer, Conv))
    conv = own.get_submodule(first)
    assert isinstance(conv, nn.Conv2d)
    conv.in_channels = in_channels
    filters = adapted_filters(conv.weight.detach(), in_channels).contiguous(memory_format=_format_of(net))
    conv.weight = nn.Parameter(filters, requires_grad=conv.weight.requires_grad)
    return own


def _format_of(net: nn.Module) -> torch.memory_format:
    """How the net's filters lie in memory; those of one channel or one pixel lie in both ways at once."""
    are_plain = all(parameter.is_contiguous() for parameter in net.parameters() if parameter.ndim == 4)
    return torch.contiguous_format if are_plain else torch.channels_last
