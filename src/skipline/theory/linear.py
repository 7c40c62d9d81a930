"""The lecture's linear network `Y = W_l … W_1 X` with every `W = αI`: its signal, its gradient, and where floats end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal


@dataclass(frozen=True, slots=True)
class FloatFormat:
    """A binary floating-point format (IEEE 754-2019, section 3.3): `precision` bits of significand, exponents of its
    normal numbers in [`least_exponent`, `greatest_exponent`], subnormal numbers below, rounding to nearest, ties to
    even.
    """

    precision: int
    least_exponent: int
    greatest_exponent: int

    def rounded(self, x: Fraction) -> Fraction | float:
        """The number of this format nearest to `x`; ±infinity beyond the largest."""
        if x == 0:
            return x
        exponent = max(_exponent(x), self.least_exponent)
        spacing = Fraction(2) ** (exponent - self.precision + 1)
        nearest = round(x / spacing) * spacing  # Python rounds ties to even
        too_large = Fraction(2) ** (self.greatest_exponent + 1)
        return nearest if abs(nearest) < too_large else math.copysign(math.inf, x)
