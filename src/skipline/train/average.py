"""The moving average of a net: a net of its own, whose tensors follow those of the trained one."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from skipline.nn import ResidualNet


@dataclass(frozen=True, slots=True)
class Average:
    """The averaged `net`; its parameters and running statistics are `averages`, those of the trained net `followed`.

    After t steps each is Σ dᵗ⁻ⁱ wᵢ / Σ dᵗ⁻ⁱ over the weights wᵢ behind steps i = 1, …, t: the moving average
    `a ← d a + (1 − d) w` without its start, as Adam corrects its own (arXiv 1412.6980, section 3).
    """

    net: ResidualNet
    averages: list[Tensor]
    followed: list[Tensor]

    def update(self, *, decay: float, step: int) -> None:
        """Take in the weights behind `step`, counted from 0."""
        share = (1.0 - decay) / (1.0 - decay ** (step + 1))  # of the newest weights in the average
        get_ema_multi_avg_fn(1.0 - share)(self.averages, self.followed, step)


def average_of(net: ResidualNet) -> Average:
    """An average that follows `net`, in memory of its own; nothing differentiates it."""
    return average_in(copy.deepcopy(net), net)


def average_in(own: ResidualNet, net: ResidualNet) -> Average:
    """An average that follows `net` and goes on from what `own` holds, a net of the same description."""
    own.requires_grad_(False)
    return Average(own, averages=[*own.parameters(), *own.buffers()], followed=[*net.parameters(), *net.buffers()])
