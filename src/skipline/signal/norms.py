"""How large the signal and its gradient are at the places of a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from skipline.nn import ResidualNet, places_of
from skipline.signal.reading import SiteReading
from skipline.signal.xray_pass import xray


@dataclass(frozen=True, slots=True)
class Norms:
    """Euclidean norms over the whole batch: of the signal at a place, and of the gradient of the objective there."""

    signal: float
    gradient: float


def norms_at(
    net: ResidualNet, images: Tensor, *, names: Iterable[str], objective: Callable[[Tensor], Tensor]
) -> dict[str, Norms]:
    """The norms of `images` (N, C, H, W), under "images", and at each of `names`, in order, as they pass through `net`.

    What `xray` reads there, over the whole batch: √(second moment × numbers) and √N × the gradient norm of an image.
    The sites of `unfold(net.network).sites` and the names of its steps are such names; raises `ValueError` for another.
    `objective` takes the logits (N, num_classes) to a scalar.
    """
    wanted = places_of(net, names)
    found = xray(net, images, objective=objective, sites=wanted)
    return {"images": _norms(found.inputs["input"]), **{name: _norms(found.sites[name]) for name in wanted}}


def _norms(reading: SiteReading) -> Norms:
    num_images = reading.shape[0]
    gradient = reading.gradient_norm or 0.0  # none arrives at what the objective does not depend on
    return Norms(math.sqrt(reading.second_moment * math.prod(reading.shape)), math.sqrt(num_images) * gradient)
