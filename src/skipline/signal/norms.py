"""How large the signal and its gradient are at every site."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call
from torch.linalg import vector_norm

from skipline.nn import ResidualNet
from skipline.signal.taps import tapped
from skipline.spec import unfold


@dataclass(frozen=True, slots=True)
class SiteNorms:
    """Euclidean norms over the whole batch: of the signal at a site, and of the gradient of the objective there."""

    signal: float
    gradient: float


def site_norms(net: ResidualNet, images: Tensor, *, objective: Callable[[Tensor], Tensor]) -> dict[str, SiteNorms]:
    """The norms at every site of `net`, in order, for `images` (N, C, H, W).

    `objective` takes the logits (N, num_classes) to a scalar. The gradient at a site is that of the edge behind it:
    at an identity shortcut the part that comes back through the addition, not the block's whole input gradient. Norms
    are accumulated in fp64. The net runs in the mode it is in and is left as it was: no running statistic moves and
    no parameter receives a gradient.
    """
    signals: dict[str, Tensor] = {}
    passed: dict[str, Tensor] = {}

    def read(name: str, output: Tensor) -> Tensor:
        signals[name] = vector_norm(output.detach(), dtype=torch.float64)
        passed[name] = output.view_as(output)  # a tensor of its own, though the identity hands on its input
        return passed[name]

    sites = unfold(net.network).sites
    own = {name: tensor.clone() for name, tensor in net.named_buffers()}
    own |= {name: parameter.detach() for name, parameter in net.named_parameters()}
    with torch.enable_grad(), tapped(net, sites, read):
        logits = functional_call(net, own, (images.detach().requires_grad_(True),))
        gradients = torch.autograd.grad(objective(logits), [passed[site] for site in sites])
    norms = [vector_norm(gradient, dtype=torch.float64) for gradient in gradients]
    table = torch.stack([torch.stack([signals[site] for site in sites]), torch.stack(norms)]).tolist()  # one transfer
    return {site: SiteNorms(*pair) for site, pair in zip(sites, zip(*table, strict=True), strict=True)}
