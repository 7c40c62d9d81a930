"""A start that looks at data: a scheme, and what is then done to its weights in view of images and targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skipline.init.scheme import Scheme
from skipline.spec import Network

if TYPE_CHECKING:
    from torch import Tensor

    from skipline.nn import ResidualNet


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
