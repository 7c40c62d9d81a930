"""A start that looks at data: a scheme, and what is then done to its weights in view of images and targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from skipline.init.build import initialise
from skipline.init.probe import require_samples
from skipline.init.scheme import Scheme
from skipline.nn import ResidualNet
from skipline.spec import Network


@dataclass(frozen=True, slots=True)
class Fit:
    """`base` starts the net; `adjust(net, images, targets, seed)` then changes its weights in place.

    `adjust` leaves gradients, running statistics and modes as they are, and draws from `split_seed(seed, name)` only.
    """

    name: str
    equation: str
    source: str
    base: Scheme
    adjust: Callable[[ResidualNet, Tensor, Tensor, int], None]

    def requires(self, network: Network) -> None:
        """Raises `InitError` for a network that it cannot start."""
        self.base.requires(network)


def start(net: ResidualNet, how: Scheme | Fit, *, images: Tensor, targets: Tensor, seed: int) -> None:
    """Start every parameter of `net` by `how` from `seed`; a scheme looks at neither images nor targets.

    images (N, C, H, W) are preprocessed as in training; targets are classes (N) or rows of probabilities (N, K), both
    where the net is. Gradients and modes stay as they were; running statistics are reset. Raises `InitError` where
    `how` cannot start the network, or not from these images.
    """
    if isinstance(how, Scheme):
        initialise(net, scheme=how, seed=seed)
        return
    require_samples(net, images, targets, name=how.name)
    initialise(net, scheme=how.base, seed=seed)
    how.adjust(net, images, targets, seed)
