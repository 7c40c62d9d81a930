"""What a prediction says of each site of a network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from skipline.spec.check import LARGEST_COUNT, SpecError
from skipline.wording import require_count

Method = Literal["exact", "mean field", "quadrature", "approximate"]
"""How a site's numbers came about, the least exact layer before it deciding.

`exact`: identities alone. `mean field`: closed forms in the limit of wide layers and large batches. `quadrature`: the
same with expectations or laws of elements computed numerically. `approximate`: something on the way is known in its
size only: channel attention, gates, drop-block, a max-pool.
"""
METHODS: tuple[Method, ...] = ("exact", "mean field", "quadrature", "approximate")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The images that a prediction is for: each pixel of mean 0 and `second_moment`, Gaussian, pixels independent.

    `correlation` is that of one pixel in two different images. They come in batches of `num_images`: so many norms take
    their statistics over, and so many a measurement's means.
    """

    second_moment: float = 1.0
    correlation: float = 0.0
    num_images: int = 64

    def __post_init__(self) -> None:
        if not (math.isfinite(self.second_moment) and self.second_moment > 0):
            raise ValueError(f"Inputs.second_moment is {self.second_moment}; it must be a finite number above 0.")
        if not 0 <= self.correlation <= 1:
            raise ValueError(
                f"Inputs.correlation is {self.correlation}; it must be between 0 and 1: "
                "of many images no two can all be opposites."
            )
        require_count(SpecError, "Inputs.num_images", self.num_images, most=LARGEST_COUNT)


STANDARD_INPUTS = Inputs()


@dataclass(frozen=True, slots=True)
class SitePrediction:
    """The signal x (N, C, H, W) at one site while training, and its gradient.

    `second_moment` is the mean of x² over everything, `channel_mean_square` the mean over channels of the squared mean
    over (N, H, W), `zero_fraction` the share of exact zeros, `correlation` the mean over pairs of images of
    `⟨x_n, x_m⟩ / (‖x_n‖ ‖x_m‖)` (0 where x is 0). `gradient_norm` is the root of the mean over images of
    `‖∂ objective / ∂x_n‖²`, of the edge behind the site, for the objective Σ z · logits with z ~ N(0, 1).

    Second moment and gradient norm are typical values: medians over draws of the weights. `band` is the factor within
    which a measured second moment is expected, nine times in ten, `gradient_band` that of a measured gradient norm;
    `spread` is the variance of ln second moment over draws of the weights, the length lottery.
    """

    second_moment: float
    channel_mean_square: float
    zero_fraction: float
    correlation: float
    gradient_norm: float
    method: Method
    band: float
    gradient_band: float
    spread: float

    @property
    def channel_variance(self) -> float:
        """The mean over channels of the variance over (N, H, W)."""
        if math.isinf(self.second_moment):
            return math.inf
        return max(self.second_moment - self.channel_mean_square, 0.0)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The signals of one network at the start: `sites` in the order of its plan, by the names of its plan.

    `outputs` has those behind its blocks, and of each the stage that its block stands in.
    """

    image_size: int
    inputs: Inputs
    sites: Mapping[str, SitePrediction]
    outputs: Mapping[str, str]
