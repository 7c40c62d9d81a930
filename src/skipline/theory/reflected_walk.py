"""The lecture's block relu(x + f(x)) with a norm behind f: each element is a random walk, reflected at 0."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Walk:
    """One element behind a block: how often it is 0, its mean, its second moment."""

    zero_fraction: float
    mean: float
    second_moment: float


def walk_after(num_blocks: int) -> Walk:
    """An element behind K blocks of one stage, whose stem or projection ended in a norm and a ReLU.

    With m = K + 1 steps of N(0, 1): zeros C(2m, m)/4^m, mean Σ_{j≤m} 1/√(2πj), second moment
    m/2 + Σ_{i+j≤m} 1/(2π√(ij)) (Spitzer 1956: the reflected walk is the maximum of an unreflected one). Exact for
    independent Gaussian branches, as wide layers with norms have them. A projection starts the walk anew; option A's
    old channels go on, its new ones start.
    """
    if num_blocks < 0:
        raise ValueError(f"num_blocks is {num_blocks}; it must be at least 0.")
    m = num_blocks + 1
    zeros = math.exp(math.lgamma(2 * m + 1) - 2 * math.lgamma(m + 1) - 2 * m * math.log(2))
    roots = [1 / math.sqrt(j) for j in range(1, m + 1)]
    mean = sum(roots) / math.sqrt(2 * math.pi)
    sums, total = [0.0], 0.0
    for root in roots:
        total += root
        sums.append(total)
    pairs = sum(roots[i - 1] * sums[m - i] for i in range(1, m))
    return Walk(zeros, mean, m / 2 + pairs / (2 * math.pi))
