"""The input side of a built network: the same net for images of another number of channels."""

from __future__ import annotations

import copy
import dataclasses

import torch
from torch import Tensor, nn

from skipline.nn.layers import module_of
from skipline.nn.net import ResidualNet
from skipline.spec import unfold
from skipline.spec.layers import Conv


def adapted_filters(filters: Tensor, in_channels: int) -> Tensor:
    """The filters (O, C, K, K) of a first convolution, as filters (O, in_channels, K, K) for other images.

    To one channel: `w'₁ = Σ w_c`; a grey image then gives what it gave as C equal channels. To n channels:
    `w'_j = (C / n) w_{j mod C}`, the filters in turn, at the size that keeps the sum over channels where C divides n.
    From one channel to n the two agree: each has w / n. It is computed in single precision at least; the result has the
    device, dtype and memory format of `filters`. Raises `ValueError` for less than one channel.
    """
    old = filters.shape[1]
    if in_channels < 1:
        raise ValueError(f"in_channels is {in_channels}; images have at least 1 channel. The nearest valid value is 1.")
    if in_channels == old:
        return filters.clone()
    wide = filters.float() if filters.dtype.itemsize < 4 else filters
    if in_channels == 1:
        return wide.sum(dim=1, keepdim=True).to(filters.dtype)
    turns = torch.arange(in_channels, device=filters.device) % old
    return (wide.index_select(1, turns) * (old / in_channels)).to(filters.dtype)


def with_in_channels(net: ResidualNet, in_channels: int) -> ResidualNet:
    """A copy of `net` for images of `in_channels` channels; its first convolution has `adapted_filters`.

    Everything else is copied: weights, running statistics, device, dtype, memory format, training or eval mode, what
    is frozen. `net` stays as it is and shares no tensor with the result. Where weights are standardised each filter
    gives what it gave up to a factor, as its scale does not count. Raises `SpecError` for a number of channels that no
    image has.
    """
    network = dataclasses.replace(net.network, in_channels=in_channels)  # refuses before anything is copied
    own = copy.deepcopy(net)
    own.network = network
    step = next(step for step in unfold(network).stem if isinstance(step.layer, Conv))
    old = own.get_submodule(step.name)
    with torch.device("meta"):  # only its settings are wanted
        new = module_of(step.layer).train(old.training)
    filters = old.get_parameter("weight")
    adapted = adapted_filters(filters.detach(), in_channels).contiguous(memory_format=_format_of(net))
    new.register_parameter("weight", nn.Parameter(adapted, requires_grad=filters.requires_grad))
    for name, parameter in old.named_parameters():
        if name != "weight":
            new.register_parameter(name, parameter)
    own.set_submodule(step.name, new)
    return own


def _format_of(net: nn.Module) -> torch.memory_format:
    """How the net's filters lie in memory; those of one channel or one pixel lie in both ways at once."""
    are_plain = all(parameter.is_contiguous() for parameter in net.parameters() if parameter.ndim == 4)
    return torch.contiguous_format if are_plain else torch.channels_last
