"""The pattern that zeros around an image print on every image alike, and what a 3×3 convolution makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

_LARGEST = 12  # pixels a side: beyond, a border is a border, and only the share of the pixels at it falls


@dataclass(frozen=True, slots=True)
class Border:
    """A pattern less its mean over pixels, with a covariance K(p, p′) over channels, on an image of some side.

    `sharing` is the mean over pairs of pixels of K², over the squared mean of K(p, p): 1 over the number of independent
    patterns, 4 for the four sides of a large image. Behind a 3×3 convolution `kept` is the mean of K(p, p), of 9 taps
    of weight 1/9, and `levelled` what part of it is a mean over all pixels and no pattern any more.
    """

    sharing: float
    kept: float
    levelled: float


@cache
def border_of(side: int) -> Border:
    """The pattern that one 3×3 convolution makes of a constant, exactly up to 12 pixels a side.

    Its covariance is the number of taps that both pixels have on the image, less the means over rows and columns.
    """
    size = min(side, _LARGEST)
    if size == 1:
        return Border(0.0, 1 / 9, 0.0)
    places = np.arange(size)
    inside = [(places + tap >= 0) & (places + tap < size) for tap in (-1, 0, 1)]
    line = np.stack([np.outer(row, row) for row in inside]).sum(axis=0).astype(np.float64)
    square = np.einsum("ik,jl->ijkl", line, line).reshape(size * size, size * size)
    pattern = square - square.mean(0) - square.mean(1)[:, None] + square.mean()
    energy = np.diag(pattern).mean()
    padded = np.pad(pattern.reshape(size, size, size, size), 1)
    taps = [(slice(a, a + size), slice(b, b + size)) for a in range(3) for b in range(3)]
    behind = np.stack([padded[(*tap, *tap)] for tap in taps]).sum(axis=0).reshape(size * size, size * size)
    kept = np.diag(behind).mean()
    sharing = (pattern**2).mean() / energy**2
    return Border(sharing.item(), (kept / energy / 9).item(), (behind.mean() / kept).item() * size / side)
