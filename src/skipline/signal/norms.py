"""How large the signal and its gradient are at the places of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call
from torch.linalg import vector_norm

from skipline.nn import ResidualNet
from skipline.signal.taps import tapped


@dataclass(frozen=True, slots=True)
class Norms:
    """Euclidean norms over the whole batch: of the signal at a place, and of the gradient of the objective there."""

    signal: float
    gradient: float


def norms_at(
    net: ResidualNet, images: Tensor, *, names: Iterable[str], objective: Callable[[Tensor], Tensor]
) -> dict[str, Norms]:
    """The norms of `images` (N, C, H, W), under "images", and at each of `names`, in order, as they pass through `net`.

    The sites of `unfold(net.network).sites` and the names of its steps are such names; raises `ValueError` for another.
    `objective` takes the logits (N, num_classes) to a scalar. The gradient at a place is that of the edge behind it:
    at an identity shortcut the part that comes back through the addition, not the block's whole input gradient. Norms
    are accumulated in fp64. The net runs in the mode it is in and is left as it was: no running statistic moves and
    no parameter receives a gradient.
    """
    start = images.detach().requires_grad_(True)
    signals = {"images": vector_norm(start.detach(), dtype=torch.float64)}
    passed = {"images": start}

    def read(name: str, output: Tensor) -> Tensor:
        signals[name] = vector_norm(output.detach(), dtype=torch.float64)
        passed[name] = output.view_as(output)  # a tensor of its own, though the identity hands on its input
        return passed[name]

    wanted = list(dict.fromkeys(names))
    own = {name: tensor.clone() for name, tensor in net.named_buffers()}
    own |= {name: parameter.detach() for name, parameter in net.named_parameters()}
    with torch.enable_grad(), tapped(net, wanted, read):
        logits = functional_call(net, own, (start,))
        gradients = torch.autograd.grad(objective(logits), list(passed.values()))
    norms = [vector_norm(gradient, dtype=torch.float64) for gradient in gradients]
    table = torch.stack([torch.stack(list(signals.values())), torch.stack(norms)]).T.tolist()  # one transfer
    found = dict(zip(passed, (Norms(*pair) for pair in table), strict=True))
    return {name: found[name] for name in ("images", *wanted)}
