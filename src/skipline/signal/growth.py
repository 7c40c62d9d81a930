"""How a size grows with depth: not at all, as a power of the depth, or exponentially."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

GrowthKind = Literal["steady", "polynomial", "exponential", "ends"]

_STEADY = 1.0  # |ln of the last over the first|: within a factor of e nothing is said of how it comes about (guessed)
_LEAST = 6  # blocks: with fewer a line and a logarithm fit equally well (seen with the Γ-law at 3 to 8 blocks)
# Of norms: the Γ-law's power is χ²/2 = 1.08 for two convolutions a branch, χ³/2 = 1.58 for the three of a bottleneck,
# and fits to the named bottlenecks of up to 420 layers reach 2.05; a higher one is a sum of things that fits neither
# law, and at the depths of networks does what an exponential does (guessed).
_HIGHEST_POWER = 2.3
# Where a polynomial starts to count, in blocks: the walk of a stage begins at its first block, or goes on from the
# blocks before it; the Γ-law of theory/residual_growth counts from χ + χ² = 3.6 for ReLU, the reflected walk from 1.
_OFFSETS = (0.0, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Growth:
    """`ln v_k ≈ a + rate · k` (exponential) or `a + power · ln(k + k₀)` (polynomial), k the number of the block.

    `total` is ln of the last value over the first, over all blocks. `ends` says that a value is 0 or not finite:
    `total` is then ±∞, and NaN where a value is NaN. The law that is not `kind` has its number all the same, as fitted.
    """

    kind: GrowthKind
    total: float
    rate: float
    power: float

    @property
    def factor(self) -> float:
        """What a block multiplies by, where growth is exponential: e^rate."""
        return math.exp(self.rate)


def growth_of(values: Sequence[float], stages: Sequence[str]) -> Growth:
    """How `values`, one a block, grow; `stages` tells which blocks have equal shapes.

    Both laws are fitted by least squares to ln v with a constant of its own for each stage, so that jumps where shapes
    change say nothing of growth; the one with the smaller residual is the kind, unless the power is above 2.3. A
    healthy residual network grows polynomially however deep it is, and a plain one with batch norm exponentially,
    however shallow: a fixed limit for the ratio would confuse the two. Values within a factor of e of each other are
    `steady`. Fewer than six cannot be told apart and are called exponential, where only their ratio then matters.
    """
    if not all(math.isfinite(value) and value > 0 for value in values):
        return Growth("ends", _ended(values), math.nan, math.nan)
    logs = np.log(np.array(values, dtype=np.float64))
    total = float(logs[-1] - logs[0])
    numbers = np.arange(1, len(logs) + 1, dtype=np.float64)
    members = np.array([[float(stage == name) for name in dict.fromkeys(stages)] for stage in stages])
    rate, exponential = _fitted(logs, numbers, members)
    fits = [_fitted(logs, np.log(counted), members) for counted in _countings(numbers, stages)]
    power, polynomial = min(fits, key=lambda fit: fit[1])
    if abs(total) < _STEADY:
        return Growth("steady", total, rate, power)
    is_exponential = len(logs) < _LEAST or exponential < polynomial or abs(power) > _HIGHEST_POWER
    return Growth("exponential" if is_exponential else "polynomial", total, rate, power)


def _ended(values: Sequence[float]) -> float:
    """The `total` where a value is 0, infinite or NaN: towards the end that is the larger."""
    if any(math.isnan(value) for value in values):
        return math.nan
    sizes = [math.inf if math.isinf(value) else math.log(value) if value > 0 else -math.inf for value in values]
    return math.copysign(math.inf, -1.0 if sizes[-1] < sizes[0] else 1.0)


def _countings(numbers: np.ndarray, stages: Sequence[str]) -> Iterator[np.ndarray]:
    """The ways to count blocks in a power law: on through all stages, or anew in each; from several starts."""
    anew = np.concatenate([np.arange(1.0, 1 + len(list(blocks))) for _, blocks in groupby(stages)])
    for offset in _OFFSETS:
        yield numbers + offset
        yield anew + offset


def _fitted(logs: np.ndarray, positions: np.ndarray, members: np.ndarray) -> tuple[float, float]:
    """The slope of `logs` over `positions`, with a constant for each stage, and the sum of the squared residuals."""
    design = np.column_stack([positions, members])
    solution, *_ = np.linalg.lstsq(design, logs, rcond=None)
    return float(solution[0]), float(np.sum((logs - design @ solution) ** 2))
