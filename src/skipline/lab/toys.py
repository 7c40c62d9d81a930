"""Points in the plane in two classes, for nets to race on: sets that people know, drawn from a seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from skipline.seeds import split_seed

NUM_POINTS = 256  # to train on, and as many to test
_NOISE = 0.06  # standard deviation of each coordinate; the sets are about 2 wide

Shape = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From labels and uniform numbers in [0, 1), (N,) and (N, 2), to the coordinates x and y."""


def _circles(label: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    radius = 0.35 + 0.5 * label
    return radius * torch.cos(2 * math.pi * u[:, 0]), radius * torch.sin(2 * math.pi * u[:, 0])


def _quadrants(label: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    sign = torch.where(u[:, 0] < 0.5, -1.0, 1.0)
    return sign * (0.1 + 0.8 * (2 * u[:, 0] % 1)), sign * (1 - 2 * label) * (0.1 + 0.8 * u[:, 1])


def _spirals(label: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    angle = 3.5 * math.pi * u[:, 0].sqrt() + math.pi * label
    radius = 0.95 * u[:, 0].sqrt()
    return radius * torch.cos(angle), radius * torch.sin(angle)


def _moons(label: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    angle = math.pi * u[:, 0]
    sign = 1 - 2 * label
    return 0.6 * torch.cos(angle) * sign - 0.3 * sign, (0.6 * torch.sin(angle) - 0.15) * sign


def _clouds(label: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    radius, angle = 0.4 * u[:, 0].sqrt(), 2 * math.pi * u[:, 1]
    centre = 0.4 - 0.8 * label
    return centre + radius * torch.cos(angle), centre + radius * torch.sin(angle)


TOYS: Mapping[str, Shape] = {
    "circles": _circles,
    "quadrants": _quadrants,
    "spirals": _spirals,
    "moons": _moons,
    "clouds": _clouds,
}


def toy(name: str, *, part: str, seed: int) -> tuple[Tensor, Tensor]:
    """Points (N, 2), about from −1 to 1, and labels (N,), half of each class; `part` is `train` or `test`."""
    generator = torch.Generator().manual_seed(split_seed(seed, "lab", name, part))
    labels = torch.arange(NUM_POINTS) % 2
    uniform = torch.rand((NUM_POINTS, 2), generator=generator)
    x, y = TOYS[name](labels.float(), uniform)
    noise = _NOISE * torch.randn((NUM_POINTS, 2), generator=generator)
    return torch.stack([x, y], dim=1) + noise, labels


def pictures(points: Tensor, side: int) -> Tensor:
    """Points (N, 2) as images (N, 2, side, side): one channel all x, one all y, so that nets for images read them."""
    return points[:, :, None, None].expand(-1, -1, side, side).contiguous()
