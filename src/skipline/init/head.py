"""A new head for a built network, with everything below it kept."""

from __future__ import annotations

import copy
import dataclasses

import torch
from torch import nn

from skipline.init.scheme import Scheme, Slot
from skipline.init.schemes import HE_FAN_OUT_NORMAL
from skipline.nn import ResidualNet
from skipline.seeds import split_seed
from skipline.spec import unfold
from skipline.spec.layers import Linear


def with_head(net: ResidualNet, num_classes: int, *, seed: int = 0, scheme: Scheme = HE_FAN_OUT_NORMAL) -> ResidualNet:
    """A copy of `net` for `num_classes` classes: its classifier is new, started by `scheme` from `seed`.

    Everything else is copied: weights, running statistics, device, dtype, memory format, training or eval mode, what
    is frozen. The new classifier has the old one's device, dtype and mode, and learns even where the old one was
    frozen; from one seed it starts as that of `build` of the new description does. `net` stays as it is and
    shares no tensor with the result. Raises `SpecError` for a number of classes that no head has.
    """
    head = dataclasses.replace(net.network.head, num_classes=num_classes)  # refuses before anything is copied
    network = dataclasses.replace(net.network, head=head)
    own = copy.deepcopy(net)
    own.network = network
    step = unfold(network).head[-1]
    layer, old = step.layer, own.get_submodule(step.name)
    assert isinstance(layer, Linear)
    assert isinstance(old, nn.Linear)
    generator = torch.Generator().manual_seed(split_seed(seed, "init", step.name))
    slot = Slot(step, network, norm_ends_branch=False, part=layer)
    new = nn.Linear(layer.in_features, layer.out_features, device="meta", dtype=old.weight.dtype)
    new = new.to_empty(device=old.weight.device).train(old.training)
    for name, parameter in new.named_parameters():
        start = torch.empty(parameter.shape, dtype=torch.float32, device="cpu")
        scheme.rule(step.role, f"linear.{name}")(start, slot, generator)
        with torch.no_grad():
            parameter.copy_(start)
    own.set_submodule(step.name, new)
    return own
