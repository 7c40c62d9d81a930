"""Slices: how right the answers are for images of a kind, such as the darkest quarter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skipline.evaluate.interval import Measured, share
from skipline.evaluate.scores import Bools, Floats

_PARTS = 4  # quarters: of a test set of 500 images, 125 each, known to within 5 points


@dataclass(frozen=True, slots=True)
class Slice:
    """Images whose value lies between `low` and `high`, both included, and the share of them that is right."""

    low: float
    high: float
    num_images: int
    accuracy: Measured


def slices(values: Floats, is_right: Bools, *, num: int = _PARTS) -> tuple[Slice, ...]:
    """The images in `num` parts by value, as equal in number as equal values allow: these stay together.

    Images whose value is not finite are in none. Empty where all values are equal: there is nothing to tell apart.
    """
    known = np.flatnonzero(np.isfinite(values))
    values, is_right = values[known], is_right[known]
    if not len(known):
        return ()
    order = np.argsort(values, kind="stable")
    ends = np.linspace(0, len(order), num + 1).round().astype(int)[1:]
    ends = np.unique(np.searchsorted(values[order], values[order][np.maximum(ends, 1) - 1], side="right"))
    if len(ends) < 2:
        return ()
    members = [some for some in np.split(order, ends) if len(some)]
    return tuple(
        Slice(
            float(values[some].min()),
            float(values[some].max()),
            len(some),
            share(int(is_right[some].sum()), len(some)),
        )
        for some in members
    )
