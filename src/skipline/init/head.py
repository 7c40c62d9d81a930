"""A new head for a built network, with everything below it kept."""

from __future__ import annotations

import copy
import dataclasses

from torch import nn

from skipline.init.construction import start_module
from skipline.init.scheme import Scheme
from skipline.init.schemes import HE_FAN_OUT_NORMAL
from skipline.nn import ResidualNet
from skipline.spec import unfold
from skipline.spec.layers import Linear


def with_head(net: ResidualNet, num_classes: int, *, seed: int = 0, scheme: Scheme = HE_FAN_OUT_NORMAL) -> ResidualNet:
    """A copy of `net` for `num_classes` classes: its classifier is new, started by `scheme` from `seed`.

    Everything else is copied: weights, running statistics, device, dtype, memory format, training or eval mode, what
    is frozen. The new classifier has the old one's device, dtype and mode, and learns even where the old one was
    frozen; from one seed it starts as that of `build` of the new description does. `net` stays as it is and
    shares no tensor with the result. Raises `SpecError` for a number of classes that no head has, and `InitError` where
    `scheme` cannot start the network.
    """
    head = dataclasses.replace(net.network.head, num_classes=num_classes)  # refuses before anything is copied
    network = dataclasses.replace(net.network, head=head)
    scheme.requires(network)
    own = copy.deepcopy(net)
    own.network = network
    step = unfold(network).head[-1]
    layer, old = step.layer, own.get_submodule(step.name)
    assert isinstance(layer, Linear)
    assert isinstance(old, nn.Linear)
    new = nn.Linear(layer.in_features, layer.out_features, device="meta", dtype=old.weight.dtype)
    new = new.to_empty(device=old.weight.device).train(old.training)
    start_module(new, step, network, None, scheme=scheme, seed=seed)
    own.set_submodule(step.name, new)
    return own
