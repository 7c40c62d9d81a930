"""The lecture's linear network `Y = W_l … W_1 X`, every `W = αI`: its signal, its gradient, and where floats end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction


def signal(alpha: float, num_layers: int) -> float:
    """‖Y‖ / ‖X‖ with its sign: `α^l`, exactly, at any width; the gradient of X is that of Y times the same.

    Infinite beyond the range of a double. Raises `ValueError` unless α is finite and l ≥ 0.
    """
    _check(alpha, "num_layers", num_layers, least=0)
    return _power(alpha, num_layers)


def gradient(alpha: float, num_layers: int) -> float:
    """∂(W_l … W_1) / ∂W_k at every layer k: `α^(l−1)`, the product of the other weights.

    Infinite beyond the range of a double. Raises `ValueError` unless α is finite and l ≥ 1.
    """
    _check(alpha, "num_layers", num_layers, least=1)
    return _power(alpha, num_layers - 1)


@dataclass(frozen=True, slots=True)
class FloatFormat:
    """A binary floating-point format with subnormal numbers, rounding to nearest, ties to even (IEEE 754-2019, 3.3).

    Its normal numbers have `precision` bits and exponents in [`least_exponent`, `greatest_exponent`].
    """

    precision: int
    least_exponent: int
    greatest_exponent: int

    def nearest(self, x: Fraction) -> Fraction | None:
        """The number of this format nearest to `x`; None where that is an infinity."""
        if x == 0:
            return x
        exponent = max(_exponent(x), self.least_exponent)
        spacing = Fraction(2) ** (exponent - self.precision + 1)
        rounded = round(x / spacing) * spacing  # `round` takes ties to even
        return rounded if abs(rounded) < Fraction(2) ** (self.greatest_exponent + 1) else None


# IEEE 754-2019, table 3.5; bfloat16 has float32's exponents and 8 bits of significand. The names are PyTorch's.
FORMATS: dict[str, FloatFormat] = {
    "float16": FloatFormat(11, -14, 15),
    "bfloat16": FloatFormat(8, -126, 127),
    "float32": FloatFormat(24, -126, 127),
    "float64": FloatFormat(53, -1022, 1023),
}


def range_end(alpha: float, dtype: str, *, deepest: int) -> int | None:
    """The least depth at which the signal of X = 1 is exactly zero or infinite in `dtype`; None if not by `deepest`.

    α is rounded to the format, and every layer's product is. In fp32 α = 0.5 ends at 150 and α = 1.5 at 219, in fp16 at
    25 and 28. An |α| between 1/2 and 1 never ends: rounding to nearest holds its signal at a subnormal number, which is
    as lost as zero. Raises `ValueError` for a format that is not in `FORMATS`, an infinite α, or `deepest` < 1.
    """
    _check(alpha, "deepest", deepest, least=1)
    if dtype not in FORMATS:
        raise ValueError(f"dtype is {dtype!r}; expected one of {', '.join(map(repr, FORMATS))}.")
    number = FORMATS[dtype]
    weight = number.nearest(Fraction(alpha))
    value: Fraction | None = Fraction(1)
    for depth in range(1, deepest + 1):
        before = value
        value = None if weight is None else number.nearest(weight * before)
        if value is None or value == 0:
            return depth
        if abs(value) == abs(before):  # |α| rounds to 1, or the signal is held at a subnormal number: nothing changes
            return None
    return None


def _check(alpha: float, name: str, count: int, *, least: int) -> None:
    if not math.isfinite(alpha):
        raise ValueError(f"alpha is {alpha}; it must be a finite number.")
    if count < least:
        raise ValueError(f"{name} is {count}; it must be at least {least}.")


def _power(alpha: float, exponent: int) -> float:
    try:
        return float(alpha) ** exponent
    except OverflowError:
        return -math.inf if alpha < 0 and exponent % 2 else math.inf


def _exponent(x: Fraction) -> int:
    """⌊log₂ |x|⌋."""
    numerator, denominator = abs(x.numerator), x.denominator
    exponent = numerator.bit_length() - denominator.bit_length()
    return exponent if Fraction(numerator, denominator) >= Fraction(2) ** exponent else exponent - 1
