"""Laws of single elements, against the reflected walk's formulas and simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from skipline.spec import Activation
from skipline.theory.activation import Array
from skipline.theory.border import border_of
from skipline.theory.element_law import (
    Gaussian,
    Grid,
    Law,
    Points,
    activated,
    added,
    as_points,
    maximum,
    moments_of,
    moved,
)
from skipline.theory.signal_state import Given

RELU = Activation("relu")


@pytest.mark.parametrize("num_steps", [2, 5, 60])
def test_the_walk_on_the_grid_has_its_share_of_zeros(num_steps: int) -> None:
    reaction = activated(Gaussian(0.0, 1.0), RELU)
    for _ in range(num_steps - 1):
        reaction = activated(added(reaction.law, Gaussian(0.0, 1.0)), RELU)
    zeros = math.comb(2 * num_steps, num_steps) / 4**num_steps
    assert reaction.below == pytest.approx(zeros, rel=5e-4)
    assert reaction.moments.slope_square == pytest.approx(1 - zeros, rel=5e-4)
    mean = sum(1 / math.sqrt(2 * math.pi * j) for j in range(1, num_steps + 1))
    assert reaction.moments.mean == pytest.approx(mean, rel=5e-4)


@pytest.mark.parametrize("activation", [Activation("leaky_relu", 0.2), Activation("tanh"), Activation("elu")])
@pytest.mark.parametrize("variance", [1.0, 0.01, 30.0])
def test_other_walks_are_as_simulated(activation: Activation, variance: float) -> None:
    generator = np.random.default_rng(0)
    functions = {
        "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
        "tanh": np.tanh,
        "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    }
    phi = functions[activation.kind]
    law, x = activated(Gaussian(0.0, 1.0), activation).law, phi(generator.standard_normal(400_000))
    for _ in range(4):
        law = activated(added(law, Gaussian(0.1, variance)), activation).law
        x = phi(x + 0.1 + math.sqrt(variance) * generator.standard_normal(len(x)))
    mean, second = moments_of(law)
    assert mean == pytest.approx(x.mean(), abs=4 * x.std() / math.sqrt(len(x)) + 1e-3)
    assert second == pytest.approx((x**2).mean(), rel=0.02)  # a grid as coarse as tanh bends: 1.2 %


def walked(num_steps: int) -> Grid:
    """The reflected walk before the activation of its last step."""
    law: Law = activated(Gaussian(0.0, 1.0), RELU).law
    for _ in range(num_steps - 2):
        law = activated(added(law, Gaussian(0.0, 1.0)), RELU).law
    grid = added(law, Gaussian(0.0, 1.0))
    assert isinstance(grid, Grid)
    return grid


@pytest.mark.parametrize("variance", [0.8, 1.0, 2.0])
def test_what_is_added_is_the_sum_over_all_pairs(variance: float) -> None:
    law = activated(walked(6), RELU).law
    found = added(law, Gaussian(0.0, variance))
    assert isinstance(law, Grid)
    assert isinstance(found, Grid)
    apart = found.values[:, None] - law.values[None, :]
    density = np.exp(-(apart**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance) * found.step
    expected = density @ law.masses
    assert np.abs(found.masses - expected).max() < 1e-9 * expected.max()
    assert found.mean == pytest.approx(law.values @ law.masses, rel=1e-9)
    assert found.variance == pytest.approx((law.values - found.mean) ** 2 @ law.masses + variance, rel=1e-8)


@pytest.mark.parametrize("num_steps", [3, 4, 5, 30])
def test_the_point_at_the_bend_is_half_on_either_side(num_steps: int) -> None:
    """relu′ is its own square, and what is not at or below the bend is above it, however the point was rounded."""
    reaction = activated(walked(num_steps), RELU)
    assert reaction.slope == pytest.approx(1 - reaction.below, abs=1e-12)
    assert reaction.slope == pytest.approx(reaction.moments.slope_square, abs=1e-12)


@pytest.mark.parametrize(("first", "count"), [(-3, 4), (-3, 20), (0, 10), (2, 5), (4, 30), (12, 3), (-9, 4)])
def test_a_gradient_on_points_of_its_own_is_read_as_between_them(first: int, count: int) -> None:
    given = Given(-0.75, 0.25, np.arange(10.0) ** 2)
    start, steps = -0.75 + 0.25 * first, np.arange(count, dtype=np.float64)
    points: Array = start + 0.25 * steps
    assert given.on(start, 0.25, count) == pytest.approx(given.at(points))
    points = points + 0.1
    assert given.on(start + 0.1, 0.25, count) == pytest.approx(given.at(points))


def test_two_functions_of_one_variable_add_up_exactly() -> None:
    points = as_points(Gaussian(0.0, 1.0))
    double = added(points, moved(points, scale=0.5))
    assert moments_of(double)[1] == pytest.approx(2.25, rel=1e-9)
    apart = added(points, as_points(Gaussian(0.0, 0.25)))
    assert moments_of(apart)[1] == pytest.approx(1.25, rel=1e-9)


def test_the_largest_of_nine() -> None:
    # the mean of the largest of nine standard normals (Harter 1961)
    law = maximum(Gaussian(0.0, 1.0), 9)
    assert moments_of(law)[0] == pytest.approx(1.485, abs=0.02)
    assert maximum(Points(np.array([0.0, 1.0]), np.array([0.5, 0.5])), 3).weights == pytest.approx([1 / 8, 7 / 8])


def test_nothing_added_changes_nothing() -> None:
    law = activated(Gaussian(0.0, 1.0), RELU).law
    same = added(law, Gaussian(0.0, 0.0))
    assert moments_of(same) == pytest.approx((1 / math.sqrt(2 * math.pi), 0.5))
    grid = added(law, Gaussian(0.0, 1e-12))
    assert moments_of(grid) == pytest.approx(moments_of(same), rel=1e-3)


def test_the_border_of_two_by_two_pixels_by_hand() -> None:
    """Taps on the image that two pixels have in common: 4 alone, 2 beside, 1 across; their mean is 9/4."""
    border = border_of(2)
    pattern = np.array([7, -1, -1, -5]) / 4  # 4, 2, 2, 1 less 9/4
    assert border.sharing == pytest.approx((pattern**2).mean() / pattern[0] ** 2)
    assert border.kept == pytest.approx(4 / 9)  # four taps of nine
    assert border_of(1).levelled == 0
    assert border_of(12).sharing == pytest.approx(1 / 4, abs=0.05)  # four sides
