"""The gains, against a quadrature of their definition."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from skipline.init import gain
from skipline.spec import Activation

_erf = np.vectorize(math.erf)
PHI: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.2 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1),
    "gelu": lambda z: z * (1 + _erf(z / math.sqrt(2))) / 2,
    "silu": lambda z: z / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "identity": lambda z: z,
}


@pytest.mark.parametrize("kind", PHI)
def test_gain_times_the_activation_of_a_unit_gaussian_has_unit_second_moment(kind: str) -> None:
    z = np.linspace(-12, 12, 48_001)
    weight = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    second_moment = np.trapezoid(PHI[kind](z) ** 2 * weight, z)
    activation = Activation(kind, slope=0.2 if kind == "leaky_relu" else 0.0)  # pyright: ignore[reportArgumentType]
    assert gain(activation) ** 2 * second_moment == pytest.approx(1.0, abs=1e-5)
    published = {"relu": 1.4142, "leaky_relu": 1.3868, "tanh": 1.5925, "gelu": 1.5335, "silu": 1.6765, "elu": 1.2452}
    assert gain(activation) == pytest.approx(published.get(kind, 1.0), abs=1e-4)


def test_a_leaky_relu_of_slope_one_is_linear_and_of_slope_zero_a_relu() -> None:
    assert gain(Activation("leaky_relu", 1.0)) == pytest.approx(1.0)
    assert gain(Activation("leaky_relu", 0.0)) == pytest.approx(gain(Activation("relu")))
