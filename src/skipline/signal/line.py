"""How fast gradients change along a line of inputs: shattered gradients (Balduzzi et al. 2017, arXiv 1702.08591)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skipline.signal.error import SignalError
from skipline.signal.objective import Objective, ProbeObjective, checked_value
from skipline.signal.target import batch_of, called, undisturbed, unwrapped

SHARED_PROBE = ProbeObjective(is_shared=True)
"""The same output's gradient at every point: z independent from point to point would make every correlation 0."""


@dataclass(frozen=True, slots=True)
class LineReading:
    """Correlation of the gradients at two points of a line, by how many points apart they are: index 0 is the same.

    `brown` and `white` are that of Brownian motion and of white noise sampled as often: a shallow net's gradient is
    like the first, a deep plain net's like the second.
    """

    correlation: tuple[float, ...]
    brown: tuple[float, ...]
    white: tuple[float, ...]

    @property
    def whiteness(self) -> float:
        """How far `correlation` has gone from `brown` (0) to `white` (1), by the least squares over all distances."""
        pairs = zip(self.correlation, self.brown, self.white, strict=True)
        products = [((brown - found) * (brown - white), (brown - white) ** 2) for found, brown, white in pairs]
        return sum(part for part, _ in products) / sum(whole for _, whole in products)


def gradients_along_line(
    module: nn.Module, first: Tensor, last: Tensor, *, num_points: int = 64, objective: Objective = SHARED_PROBE
) -> LineReading:
    """The gradient with respect to the input at `num_points` points from `first` to `last` (each one input, (C, …)).

    The points run through `module` as one batch, in its mode: in training mode a batch norm takes its statistics over
    the line. The correlation is the autocorrelation function: at distance d the mean of ⟨g(s), g(t)⟩ over the points d
    apart, g being the gradient less its mean over the line, divided by that at distance 0; where the gradient is the
    same everywhere (a linear net) it is 1. Brownian motion from 0 has Cov(s, t) = min(s, t), less the mean likewise.
    Everything else is as in `xray`.
    """
    if first.shape != last.shape or num_points < 3:
        raise SignalError(
            f"a line goes from one input to another of its shape, over 3 points or more: {tuple(first.shape)} to "
            f"{tuple(last.shape)} over {num_points} came."
        )
    target = unwrapped(module)
    with undisturbed(target):
        steps = torch.linspace(0, 1, num_points, device=first.device, dtype=first.dtype)
        points = torch.stack([first + step * (last - first) for step in steps])
        data = batch_of(target, points, batch_axis=0)
        value = checked_value(objective(called(target, data, {})))
        (gradient,) = torch.autograd.grad(value, [data.leaves["input"]])
        rows = gradient.detach().flatten(1).double()
        centred = rows - rows.mean(0)
        flat = centred.norm() <= 1e-5 * rows.norm()  # the same gradient everywhere, but for fp32's rounding
        covariance = torch.where(flat, torch.ones_like(rows @ rows.T), centred @ centred.T).cpu()
    times = torch.arange(1, num_points + 1, dtype=torch.float64)
    return LineReading(
        correlation=_by_distance(covariance),
        brown=_by_distance(_centred(torch.minimum(times[:, None], times[None, :]))),
        white=_by_distance(_centred(torch.eye(num_points, dtype=torch.float64))),
    )


def _centred(covariance: Tensor) -> Tensor:
    """Of the values less their mean over the line."""
    rows = covariance - covariance.mean(0, keepdim=True)
    return rows - rows.mean(1, keepdim=True)


def _by_distance(covariance: Tensor) -> tuple[float, ...]:
    """The mean covariance of the pairs at each distance, over that at distance 0."""
    means = torch.stack([covariance.diagonal(distance).mean() for distance in range(len(covariance))])
    return tuple((means / means[0]).tolist())
