"""Gaussian expectations, against published numbers, closed forms, and sums over a fine grid through PyTorch's φ."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from skipline.spec import Activation
from skipline.theory.activation import slopes, values
from skipline.theory.gaussian import forward_gain, moments, nodes, normal_cdf, product, slope_product

LEAKY = Activation("leaky_relu", 0.2)
TRANSFORMED = Activation("silu", input_scale=1.3, input_shift=0.4, output_shift=-0.3, output_scale=0.8)
ALL = [LEAKY, TRANSFORMED, *(Activation(kind) for kind in ("relu", "elu", "gelu", "silu", "tanh", "identity"))]


def torch_values(activation: Activation, x: Tensor) -> Tensor:
    """PyTorch's φ."""
    match activation.kind:
        case "leaky_relu":
            return functional.leaky_relu(x, activation.slope)
        case "identity":
            return x * 1.0
        case kind:
            x = activation.input_scale * x + activation.input_shift
            y = {
                "relu": functional.relu,
                "elu": functional.elu,
                "gelu": functional.gelu,
                "silu": functional.silu,
                "tanh": torch.tanh,
            }[kind](x)
            return activation.output_scale * (y + activation.output_shift)


def grid(num: int) -> tuple[Tensor, Tensor]:
    """The middles of `num` strips of a Gaussian, none at 0, and their shares."""
    z = (torch.arange(num, dtype=torch.float64) + 0.5) * (18 / num) - 9
    return z, torch.exp(-z * z / 2) * (18 / num) / math.sqrt(2 * math.pi)


# E[φ²], Var φ, E[φ′²], the gain at unit variance: the published table
@pytest.mark.parametrize(
    ("activation", "second", "variance", "slope", "gain"),
    [
        (Activation("relu"), 0.5, 0.3408, 0.5, 1.4142),
        (LEAKY, 0.52, 0.4181, 0.52, 1.3868),
        (Activation("tanh"), 0.3943, 0.3943, 0.4644, 1.5925),
        (Activation("gelu"), 0.4252, 0.3456, 0.4559, 1.5335),
        (Activation("silu"), 0.3558, 0.3131, 0.3795, 1.6765),
        (Activation("elu"), 0.6449, 0.6192, 0.6681, 1.2452),
    ],
    ids=lambda value: value.kind if isinstance(value, Activation) else "",
)
def test_the_table_at_unit_variance(
    activation: Activation, second: float, variance: float, slope: float, gain: float
) -> None:
    found = moments(activation)
    assert found.second_moment == pytest.approx(second, abs=1e-4)
    assert found.variance == pytest.approx(variance, abs=1e-4)
    assert found.slope_square == pytest.approx(slope, abs=1e-4)
    assert forward_gain(activation) == pytest.approx(gain, abs=1e-4)


@pytest.mark.parametrize("activation", ALL, ids=lambda activation: activation.kind)
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (0.7, 2.0), (-3.0, 0.25), (0.1, 1e-4), (-2.0, 1000.0)])
def test_moments_are_those_of_a_fine_sum(activation: Activation, mean: float, variance: float) -> None:
    z, share = grid(400_000)
    x = (mean + math.sqrt(variance) * z).requires_grad_()
    y = torch_values(activation, x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    y, found = y.detach(), moments(activation, mean=mean, variance=variance)
    assert found.mean == pytest.approx((share @ y).item(), rel=1e-5, abs=1e-6)
    assert found.second_moment == pytest.approx((share @ y**2).item(), rel=1e-5)
    assert found.slope_square == pytest.approx((share @ slope**2).item(), rel=3e-5)


@pytest.mark.parametrize("activation", ALL, ids=lambda activation: activation.kind)
@pytest.mark.parametrize("correlation", [0.0, 0.3, -0.4, 0.9, -0.95])
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (0.7, 3.0)])
def test_products_are_those_of_a_fine_sum(
    activation: Activation, correlation: float, mean: float, variance: float
) -> None:
    z, share = grid(1000)
    shares = share[:, None] * share
    x = (mean + math.sqrt(variance) * z)[:, None].requires_grad_()
    other = correlation * z[:, None] + math.sqrt(1 - correlation**2) * z
    y = (mean + math.sqrt(variance) * other).requires_grad_()
    fx, fy = torch_values(activation, x), torch_values(activation, y)
    (dx,) = torch.autograd.grad(fx.sum(), x)
    (dy,) = torch.autograd.grad(fy.sum(), y)
    expected = (shares * fx.detach() * fy.detach()).sum().item()
    found = product(activation, correlation, mean=mean, variance=variance)
    assert found == pytest.approx(expected, rel=1e-4, abs=2e-5)
    # φ′ jumps, so that the sum itself is only good to a strip's width
    expected_slope = (shares * dx * dy).sum().item()
    found_slope = slope_product(activation, correlation, mean=mean, variance=variance)
    assert found_slope == pytest.approx(expected_slope, abs=7e-3)


@pytest.mark.parametrize("activation", ALL, ids=lambda activation: activation.kind)
@pytest.mark.parametrize("variance", [1e-3, 1.0, 50.0])
def test_a_pair_that_is_one_has_the_second_moment_and_a_pair_without_relation_the_squared_mean(
    activation: Activation, variance: float
) -> None:
    alone = moments(activation, mean=0.3, variance=variance)
    assert product(activation, 1.0, mean=0.3, variance=variance) == pytest.approx(alone.second_moment, rel=1e-6)
    assert product(activation, 0.0, mean=0.3, variance=variance) == pytest.approx(alone.mean**2, rel=1e-6)
    assert slope_product(activation, 1.0, mean=0.3, variance=variance) == pytest.approx(alone.slope_square, rel=1e-6)


@pytest.mark.parametrize("c", [-1.0, -0.5, 0.0, 0.2, 0.99, 1.0])
def test_relu_has_the_arc_cosine_kernel(c: float) -> None:
    kappa = (math.sqrt(1 - c * c) + (math.pi - math.acos(c)) * c) / math.pi
    assert product(Activation("relu"), c, variance=3.0) == pytest.approx(1.5 * kappa, abs=1e-12)
    assert slope_product(Activation("relu"), c) == pytest.approx((math.pi - math.acos(c)) / (2 * math.pi), abs=1e-12)


def test_tanh_of_a_small_and_of_a_large_variance() -> None:
    small, large = moments(Activation("tanh"), variance=1e-10), moments(Activation("tanh"), variance=1e12)
    assert small.second_moment == pytest.approx(1e-10, rel=1e-6)
    assert small.slope_square == pytest.approx(1.0, abs=1e-9)
    assert large.second_moment == pytest.approx(1.0, abs=1e-5)
    # ∫ (1 − tanh²)² dx = 4/3, times the density 1/√(2π · 1e12) at 0
    assert large.slope_square == pytest.approx(4 / 3 / math.sqrt(2 * math.pi * 1e12), rel=1e-6)


@pytest.mark.parametrize("activation", ALL, ids=lambda activation: activation.kind)
def test_without_variance_there_is_a_point(activation: Activation) -> None:
    point = torch.tensor([0.5], dtype=torch.float64)
    value = torch_values(activation, point).item()
    found = moments(activation, mean=0.5, variance=0.0)
    assert (found.mean, found.second_moment) == pytest.approx((value, value**2), abs=1e-6)
    assert product(activation, 0.3, mean=0.5, variance=0.0) == pytest.approx(value**2, abs=1e-6)


@pytest.mark.parametrize("activation", ALL, ids=lambda activation: activation.kind)
def test_functions_are_pytorchs(activation: Activation) -> None:
    x = torch.linspace(-30, 30, 4001, dtype=torch.float64).requires_grad_()
    y = torch_values(activation, x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert np.abs(values(activation, x.detach().numpy()) - y.detach().numpy()).max() < 2e-6
    away = x.detach().numpy() != 0
    assert np.abs(slopes(activation, x.detach().numpy()) - slope.numpy())[away].max() < 2e-6


def test_weights_add_up_and_the_tail_is_exact() -> None:
    _, weights = nodes(-4.0, 0.3)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert normal_cdf(-10.0) == pytest.approx(7.619853024160527e-24, rel=1e-10)


def test_a_correlation_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^correlation is 1\.5; it must be between -1 and 1\.$"):
        product(Activation("relu"), 1.5)
