"""How weights are distributed at the start: all that a prediction needs to know of them, without a tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

WeightKind = Literal["constant", "independent", "orthogonal", "delta_orthogonal", "identity", "looks_linear"]


@dataclass(frozen=True, slots=True)
class WeightLaw:
    """How one tensor starts, as far as signals know.

    `kind` says what `scale` is:

    - `constant`: the value of every entry;
    - `independent`: the standard deviation of each entry; entries have mean 0 and do not depend on each other;
    - `orthogonal`: the gain g of `W = gQ`, Q (C_out, fan_in) uniform among those with orthonormal rows, or columns
      where there are fewer of those, in each group;
    - `delta_orthogonal`: the same for the centre tap, Q (C_out, C_in); the other taps are 0;
    - `identity`: the α of αI at the centre tap, the other taps 0, in each group;
    - `looks_linear`: the gain g of a centre tap made of gQ and −gQ in pairs of channels: [Q; −Q] where plain channels
      become pairs, [[Q, −Q], [−Q, Q]] between pairs, [Q, −Q] where pairs become plain; the other taps are 0.
    """

    kind: WeightKind
    scale: float


Start = Mapping[str, WeightLaw]
"""The path of each parameter (`stage1.block1.branch.conv1.weight`) and its law."""
