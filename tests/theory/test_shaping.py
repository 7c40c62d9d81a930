"""Shaped activations: their conditions by another quadrature, their limits by hand, and what is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from skipline.spec import (
    Activation,
    Block,
    Branch,
    Head,
    Merge,
    Network,
    Norm,
    NoShortcut,
    PadShortcut,
    SpecError,
    Stage,
    Stem,
)
from skipline.spec.layers import ActivationKind
from skipline.theory.correlation_map import correlation_map
from skipline.theory.shaping import deep_kernel_shape, leaky_map, leaky_shape, local_slope, shaped

Array = NDArray[np.float64]


def plain(num_blocks: int, activation: Activation | None = None) -> Network:
    """2 · num_blocks + 1 activations one after another."""
    stages = (Stage(num_blocks, 16, 16, block=Block(Branch(), NoShortcut())),)
    return Network("plain", 3, Stem((16,)), stages, Head(10), Norm("none"), activation or Activation())


# ---- Gauss–Hermite, of the shaped activation written out


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(140)
WEIGHTS = WEIGHTS / math.sqrt(2 * math.pi)
ERF = np.vectorize(math.erf)
PLAIN: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: x * (1 + ERF(x / math.sqrt(2))) / 2,
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "relu": lambda x: np.maximum(x, 0),
}


def phi(activation: Activation, x: Array) -> Array:
    inside = PLAIN[activation.kind](activation.input_scale * x + activation.input_shift)
    return activation.output_scale * (inside + activation.output_shift)


def q_map(activation: Activation, q: float) -> float:
    return float(WEIGHTS @ phi(activation, math.sqrt(q) * NODES) ** 2)


def c_map(activation: Activation, c: float) -> float:
    """E[φ̂(x) φ̂(y)] at correlation c, y = c x + √(1 − c²) z."""
    y = c * NODES[:, None] + math.sqrt(1 - c * c) * NODES
    return float((WEIGHTS * phi(activation, NODES)) @ phi(activation, y) @ WEIGHTS)


# ---- DKS


@pytest.mark.parametrize("slope", [1.5 ** (1 / 101), 1.05, 1.2])
@pytest.mark.parametrize("kind", ["tanh", "silu", "gelu"])
def test_the_four_conditions_hold(kind: ActivationKind, slope: float) -> None:
    """The slopes by differences of maps that Gauss–Hermite computes: their errors are of the order of h²."""
    activation, h = shaped(kind, slope=slope), 1e-3
    assert c_map(activation, 0.0) == pytest.approx(0.0, abs=1e-6)
    assert q_map(activation, 1.0) == pytest.approx(1.0, abs=1e-6)
    moment_slope = (q_map(activation, 1 + h) - q_map(activation, 1 - h)) / (2 * h)
    assert moment_slope == pytest.approx(1.0, abs=1e-3 * (slope - 1) + 1e-5)
    one, before, two = (c_map(activation, 1 - n * h) for n in (0, 1, 2))
    assert (3 * one - 4 * before + two) / (2 * h) - 1 == pytest.approx(slope - 1, rel=0.01)


@pytest.mark.parametrize("slope", [1.5 ** (1 / 101), 1.05, 1.2])
def test_they_hold_for_an_activation_whose_slope_bends(slope: float) -> None:
    """E of φ̂, φ̂², φ̂ φ̂′ z and φ̂′² by the trapezoidal rule, which a bend does not disturb."""
    z = np.linspace(-10, 10, 400_001)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    y = phi(shaped("elu", slope=slope), z)
    dy = np.gradient(y, z)
    found = [float(density @ value) for value in (y, y * y, y * dy * z, dy * dy)]
    assert found == pytest.approx([0, 1, 1, slope], abs=1e-5)


def test_of_a_nearly_linear_tanh_the_shift_is_where_its_slope_turns() -> None:
    """As ψ → 1: 2 φ′ φ‴ + φ″² = 0 at β, for tanh at tanh β = 1/2, and α² = 2 (ψ − 1) (φ′/φ″)², φ″/φ′ = −2 tanh β.

    From φ̂ ∝ z + a (z² − 1) + b z³ with a = α φ″/2φ′ and b = α² φ‴/6φ′: C′(1) = 1 + 2a², Q′(1) = 1 + 2a² + 6b.
    """
    activation = shaped("tanh", slope=1 + 1e-5)
    assert activation.input_shift == pytest.approx(math.atanh(0.5), rel=1e-3)
    assert activation.input_scale == pytest.approx(math.sqrt(2e-5), rel=1e-3)


@pytest.mark.parametrize("num_blocks", [5, 25, 500])
def test_the_slope_of_a_plain_network_is_shared_by_its_activations(num_blocks: int) -> None:
    local = local_slope(correlation_map(plain(num_blocks)), slope=1.5)
    assert local == pytest.approx(1.5 ** (1 / (2 * num_blocks + 1)), rel=1e-12)


def test_a_residual_network_has_the_slope_of_its_additions() -> None:
    """(0.64 + 0.36 ψ²)^K ψ = 1.5."""
    block = Block(Branch(), PadShortcut(), Merge(branch_scale=0.6, shortcut_scale=0.8), "pre")
    stages = (Stage(50, 16, 16, block=block),)
    network = Network("net", 3, Stem((16,)), stages, Head(2), Norm("none"), Activation("silu"), first_identity="raw")
    psi = local_slope(correlation_map(network), slope=1.5)
    assert (0.64 + 0.36 * psi**2) ** 50 * psi == pytest.approx(1.5)
    assert deep_kernel_shape(network, slope=1.5) == shaped("silu", slope=psi)


@pytest.mark.parametrize("kind", ["tanh", "silu", "gelu"])
def test_the_composed_map_has_the_slope_that_was_asked_for(kind: ActivationKind) -> None:
    activation, h = deep_kernel_shape(plain(25, Activation(kind)), slope=1.5), 1e-4
    c = 1 - h
    for _ in range(51):
        c = c_map(activation, c) / q_map(activation, 1.0)  # gelu's own erf is exact to 1.5e-7 only
    assert (1 - c) / h == pytest.approx(1.5, abs=0.01)


# ---- TAT


@pytest.mark.parametrize("slope", [0.0, 0.2, 0.7, 1.0])
@pytest.mark.parametrize("c", [-0.8, 0.0, 0.5, 0.95])
def test_the_leaky_map_is_the_expectation(slope: float, c: float) -> None:
    """By polar coordinates: E[φ(x) φ(y)] over the angle of (x, y), exact for piecewise linear φ."""
    angle = (np.arange(200_000) + 0.5) * (2 * math.pi / 200_000)
    x, y = np.cos(angle), np.cos(angle - math.acos(c))
    product = np.mean(np.where(x > 0, x, slope * x) * np.where(y > 0, y, slope * y))
    assert leaky_map(slope)(c) == pytest.approx(product / ((1 + slope**2) / 4), abs=1e-8)


@pytest.mark.parametrize(("num_blocks", "eta"), [(10, 0.7), (25, 0.9), (500, 0.9)])
def test_orthogonal_inputs_come_to_eta(num_blocks: int, eta: float) -> None:
    activation = leaky_shape(plain(num_blocks), eta=eta)
    c, local = 0.0, leaky_map(activation.slope)
    for _ in range(2 * num_blocks + 1):
        c = local(c)
    assert c == pytest.approx(eta, abs=1e-9)
    assert activation.output_scale**2 * (1 + activation.slope**2) / 2 == pytest.approx(1.0)


def test_at_great_depth_the_slope_follows_its_law() -> None:
    """dc/dl = w (√(1 − c²) − c arccos c), w = (1 − a)²/(π(1 + a²)): w L = ∫ dc / (…) from 0 to η, up to O(1/L)."""
    c = (np.arange(90_000) + 0.5) * 1e-5
    integral = float(np.sum(1e-5 / (np.sqrt(1 - c * c) - c * np.arccos(c))))
    a = leaky_shape(plain(2000), eta=0.9).slope
    assert 4001 * (1 - a) ** 2 / (math.pi * (1 + a * a)) == pytest.approx(integral, rel=1e-3)


# ---- refusals


REFUSED: list[tuple[Callable[[], object], str]] = [
    (
        lambda: leaky_shape(plain(3), eta=0.9),
        "plain: with ReLU orthogonal inputs come to a correlation of 0.8",
    ),
    (lambda: leaky_shape(plain(30), eta=1.5), "eta is 1.5; it must lie between 0 and 1, e.g. 0.9."),
    (lambda: deep_kernel_shape(plain(30), slope=1.0), "slope is 1.0; it must be above 1 and at most 2, e.g. 1.5."),
    (
        lambda: deep_kernel_shape(plain(30), slope=1.5),
        "the activation 'relu' cannot be shaped by DKS: it bends in one point or in none, so that one number decides "
        "its form, and two conditions ask for it. Use 'tanh', 'silu', 'gelu' or 'elu', or TAT for 'relu'.",
    ),
    (
        lambda: shaped("elu", slope=1.9),
        "the activation 'elu' cannot be shaped to C′(1) = 1.9: no shift of its input keeps the second moment.",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_cannot_be_shaped_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        make()


def test_an_addition_that_changes_the_second_moment_is_refused() -> None:
    stages = (Stage(30, 16, 16, block=Block(Branch(), PadShortcut(), order="pre")),)
    network = Network("net", 3, Stem((16,)), stages, Head(10), Norm("none"), Activation("silu"))
    message = (
        "net: stage1 adds 1 f(x) to 1 x, which multiplies the second moment by 2; shaped activations need it to stay "
        "1. Use e.g. Merge(branch_scale=0.6, shortcut_scale=0.8)."
    )
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        deep_kernel_shape(network, slope=1.5)
