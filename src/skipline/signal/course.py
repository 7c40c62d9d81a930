"""The course of a signal: what its size and that of its gradient are, block by block, from images to classifier."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skipline.signal.error import SignalError
from skipline.signal.reading import SiteReading, Xray
from skipline.theory.prediction import Prediction, SitePrediction

LEAST_PLACES = 3  # two differences: with fewer nothing can be said of how they change


@dataclass(frozen=True, slots=True)
class Course:
    """One entry a block, in the order of the forward pass; `stages` tells which blocks have equal shapes.

    `second_moments` and `gradient_norms` are those of `SiteReading` and `SitePrediction` at each block's output, and
    may be 0, infinite or NaN. `correlations` are those of two inputs, `spreads` the variances of ln second moment over
    draws of the weights: predicted, and NaN where one draw was measured. `zero_fractions` are shares of exact zeros.
    """

    places: tuple[str, ...]
    stages: tuple[str, ...]
    second_moments: tuple[float, ...]
    gradient_norms: tuple[float, ...]
    correlations: tuple[float, ...]
    spreads: tuple[float, ...]
    zero_fractions: tuple[float, ...]

    @property
    def num_blocks(self) -> int:
        """The number of entries."""
        return len(self.places)


def course_of(seen: Prediction | Xray) -> Course:
    """The course of what was predicted for, or measured in, a network.

    Its places are the outputs of the blocks (`stage2.block7.out`). In a foreign module they are the recognised
    residual additions, or where there are fewer than three the outputs of its layers with weights; equal shapes make a
    stage. Raises `SignalError` for a module in which too little was seen.
    """
    if seen.outputs:
        return _course(seen.sites, list(seen.outputs), list(seen.outputs.values()))
    if isinstance(seen, Prediction):
        raise SignalError("the prediction has no block; a network has at least one.")
    weighted = list(dict.fromkeys(tensor.rpartition(".")[0] for tensor in seen.tensors))
    places = list(seen.sums) if len(seen.sums) >= LEAST_PLACES else [name for name in weighted if name in seen.sites]
    if len(places) < LEAST_PLACES:
        raise SignalError(
            f"the module has {len(places)} places along its depth (residual additions, or layers with weights): too "
            f"few to say how a signal changes from one to the next. Expected at least {LEAST_PLACES}."
        )
    return _course(seen.sites, places, ["×".join(map(str, seen.sites[name].shape[1:])) for name in places])


def _course(sites: Mapping[str, SitePrediction | SiteReading], places: Sequence[str], stages: Sequence[str]) -> Course:
    found = [sites[name] for name in places]
    return Course(
        places=tuple(places),
        stages=tuple(stages),
        second_moments=tuple(site.second_moment for site in found),
        gradient_norms=tuple(0.0 if site.gradient_norm is None else site.gradient_norm for site in found),
        correlations=tuple(site.correlation for site in found),
        spreads=tuple(site.spread if isinstance(site, SitePrediction) else math.nan for site in found),
        zero_fractions=tuple(site.zero_fraction for site in found),
    )
