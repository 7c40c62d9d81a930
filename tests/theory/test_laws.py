"""The closed-form laws, against published numbers and against sums and simulations that share no code with them."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from skipline.spec import Activation
from skipline.theory.batch_norm_gradient import batch_norm_factor, gradient_growth
from skipline.theory.correlation_collapse import correlation_after, distance_left, next_correlation
from skipline.theory.length_lottery import log_length
from skipline.theory.mean_field import (
    TRAINABLE_SCALES,
    critical_weight_variance,
    depth_scale,
    fixed_point,
    next_second_moment,
    slope,
)
from skipline.theory.path_length import effective_path_length
from skipline.theory.phase import critical_line, phase_diagram, phase_point
from skipline.theory.reflected_walk import walk_after
from skipline.theory.residual_growth import (
    compounded,
    doubled,
    overflow_block,
    preactivation_exponent,
    preactivation_gradient_ratio,
    preactivation_moments,
)

TANH, RELU = Activation("tanh"), Activation("relu")


# ---- mean field


@pytest.mark.parametrize(
    ("weight_variance", "chi", "layers"), [(1.0, 0.759, 22), (1.3, 0.880, 47), (1.5, 0.939, 95), (1.7, 0.987, 450)]
)
def test_tanh_trains_up_to_six_depth_scales(weight_variance: float, chi: float, layers: int) -> None:
    q = fixed_point(TANH, weight_variance=weight_variance, bias_variance=0.05)
    found = slope(TANH, q, weight_variance=weight_variance)
    assert found == pytest.approx(chi, abs=5e-4)
    assert TRAINABLE_SCALES * depth_scale(found) == pytest.approx(layers, rel=0.02)
    assert depth_scale(1 / chi) == pytest.approx(depth_scale(chi)), "an explosion is as bad"


def test_the_critical_point_of_tanh() -> None:
    critical = critical_weight_variance(TANH, bias_variance=0.05)
    assert critical == pytest.approx(1.7610, abs=1e-4)
    q = fixed_point(TANH, weight_variance=critical, bias_variance=0.05)
    assert q == pytest.approx(0.570, abs=5e-4)
    assert slope(TANH, q, weight_variance=critical) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("activation", [TANH, Activation("elu"), Activation("leaky_relu", 0.2)])
def test_a_fixed_point_is_fixed(activation: Activation) -> None:
    q = fixed_point(activation, weight_variance=1.2, bias_variance=0.1)
    assert next_second_moment(activation, q, weight_variance=1.2, bias_variance=0.1) == pytest.approx(q, rel=1e-9)


def test_without_bias_the_critical_point_is_at_the_slope_of_0() -> None:
    assert critical_weight_variance(TANH, bias_variance=0.0) == pytest.approx(1.0, abs=1e-9)
    assert critical_weight_variance(RELU, bias_variance=0.0) == pytest.approx(2.0, abs=1e-12)


def test_relu_grows_without_end_beyond_he() -> None:
    assert fixed_point(RELU, weight_variance=2.5, bias_variance=0.0) == math.inf
    assert fixed_point(RELU, weight_variance=1.0, bias_variance=0.5) == pytest.approx(1.0, rel=1e-9)  # 0.5 / (1 − 1/2)
    assert fixed_point(RELU, weight_variance=2.0, bias_variance=0.0) == pytest.approx(1.0, rel=1e-12)
    assert (depth_scale(1.0), depth_scale(0.0)) == (math.inf, 0.0)
    assert depth_scale(math.e) == pytest.approx(1.0)


def test_what_has_no_critical_point_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^relu has no critical σ_w² at σ_b² = 0\.05: .* Use bias_variance=0"):
        critical_weight_variance(RELU, bias_variance=0.05)
    with pytest.raises(ValueError, match=r"^bias_variance is -1; it must be a finite number of at least 0\.$"):
        fixed_point(TANH, weight_variance=1.0, bias_variance=-1)


def test_the_phase_diagram() -> None:
    diagram = phase_diagram(TANH, weight_variances=(0.9, 2.5), bias_variances=(0.0, 0.05))
    assert diagram.critical == pytest.approx((1.0, 1.7610), abs=1e-4)
    assert [[point.chi < 1 for point in row] for row in diagram.points] == [[True, False], [True, False]]
    assert diagram.points[1][0].depth_scale < diagram.points[0][0].depth_scale
    here = phase_point(RELU, weight_variance=3.0, bias_variance=0.0)
    assert (here.second_moment, here.chi) == (math.inf, pytest.approx(1.5))
    assert critical_line(RELU, 0.3) == pytest.approx(2.0)


# ---- length lottery


def test_a_thousand_layers_of_a_hundred_units_lose_e_to_the_25() -> None:
    found = log_length([100] * 1000)
    assert (found.mean, found.variance) == (pytest.approx(-25.0), pytest.approx(50.0))
    assert found.median_factor == pytest.approx(math.exp(-25))
    assert log_length([100] * 10, kind="linear").variance == pytest.approx(0.2)
    assert log_length([100] * 10, kind="orthogonal_linear").variance == 0


@pytest.mark.parametrize(("kind", "per_layer"), [("relu", 5.0), ("linear", 2.0)])
def test_lengths_of_real_products_have_this_variance(kind: str, per_layer: float) -> None:
    num_layers, width, draws = 20, 100, 1000
    generator = np.random.default_rng(0)
    squares = np.ones(draws)
    for _ in range(num_layers):  # W x is Gaussian with variance |x|²·(He's)/n whatever x is
        z = generator.standard_normal((draws, width))
        squares *= 2 * (np.maximum(z, 0) ** 2).mean(axis=1) if kind == "relu" else (z**2).mean(axis=1)
    logs = np.log(squares)
    law = per_layer * num_layers / width
    assert logs.var() == pytest.approx(law, rel=0.15)
    assert logs.mean() == pytest.approx(-law / 2, rel=0.15)


def test_an_unknown_lottery_is_refused() -> None:
    message = "kind is 'tanh'; expected one of 'relu', 'linear', 'orthogonal_linear'."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        log_length([3], kind="tanh")  # type: ignore[arg-type]


# ---- correlations


@pytest.mark.parametrize(("num_layers", "left"), [(10, 0.1285), (50, 0.01214), (100, 0.00358), (1000, 4.3e-5)])
def test_inputs_collapse(num_layers: int, left: float) -> None:
    assert 1 - correlation_after(num_layers) == pytest.approx(left, rel=5e-3)


def test_the_distance_falls_like_the_square_of_the_depth() -> None:
    assert distance_left(1000) == pytest.approx(4.44e-5, rel=1e-3)  # 9π²/2 · 1e-6
    deep = [1 - correlation_after(depth) for depth in (2000, 4000)]
    assert math.log2(deep[0] / deep[1]) == pytest.approx(2.0, abs=0.02)
    assert next_correlation(1.0) == 1.0
    assert next_correlation(0.0) == pytest.approx(1 / math.pi)


# ---- batch norm


@pytest.mark.parametrize(
    ("activation", "factor"),
    [
        (RELU, 1.4669),
        (Activation("leaky_relu", 0.01), 1.453),
        (Activation("leaky_relu", 0.2), 1.2436),
        (Activation("leaky_relu", 0.5), 1.068),
        (TANH, 1.178),
        (Activation("gelu"), 1.319),
        (Activation("silu"), 1.212),
        (Activation("identity"), 1.0),
    ],
)
def test_the_backward_factor_of_batch_norm(activation: Activation, factor: float) -> None:
    assert batch_norm_factor(activation) == pytest.approx(factor, abs=5e-4)


def test_published_explosions() -> None:
    assert gradient_growth(RELU, 19) == pytest.approx(38, rel=0.01)  # plain-20
    assert gradient_growth(RELU, 55) == pytest.approx(3.7e4, rel=0.03)  # plain-56
    assert math.log10(gradient_growth(RELU, 1000)) == pytest.approx(83.2, abs=0.1)
    assert gradient_growth(RELU, 10_000) == math.inf


# ---- residual


def test_doubling_and_its_ends() -> None:
    assert (doubled(3), doubled(1023), doubled(1024)) == (8.0, 2.0**1023, math.inf)
    assert [overflow_block(name) for name in ("float32", "bfloat16", "float16")] == [128, 128, 16]
    assert compounded(1) == 2.0
    assert compounded(100_000) == pytest.approx(math.e, rel=1e-4)
    with pytest.raises(ValueError, match=r"^dtype is 'int8'; expected one of 'float16'"):
        overflow_block("int8")


def test_preactivation_gradients_grow_like_a_power() -> None:
    assert preactivation_gradient_ratio(30) == pytest.approx(405, abs=1)
    assert math.sqrt(preactivation_gradient_ratio(500)) == pytest.approx(390, rel=0.01)
    assert preactivation_exponent() == pytest.approx(2.15, abs=0.005)
    fitted = math.log2(preactivation_gradient_ratio(20_000) / preactivation_gradient_ratio(10_000))
    assert fitted == pytest.approx(preactivation_exponent(), abs=1e-3)


def test_the_gamma_law_is_the_product_of_its_blocks() -> None:
    chi = math.pi / (math.pi - 1)
    product = math.prod(1 + chi**2 / (chi + k) for k in range(7))
    assert preactivation_gradient_ratio(7) == pytest.approx(product, rel=1e-12)
    second, square = preactivation_moments(10)
    assert (second, square, second - square) == (11.0, pytest.approx(3.183, abs=1e-3), pytest.approx(7.817, abs=1e-3))


def test_the_reflected_walk_has_the_published_numbers() -> None:
    walks = [walk_after(k) for k in (1, 2, 3)]
    assert [walk.zero_fraction for walk in walks] == pytest.approx([0.375, 0.3125, 0.2734], abs=1e-4)
    assert [walk.mean for walk in walks] == pytest.approx([0.681, 0.911, 1.111], abs=1e-3)
    assert [walk.second_moment for walk in walks] == pytest.approx([1.159, 1.884, 2.648], abs=1e-3)
    with pytest.raises(ValueError, match=r"^num_blocks is -1; it must be at least 0\.$"):
        walk_after(-1)


def test_a_simulated_walk_agrees() -> None:
    generator = np.random.default_rng(1)
    x = np.zeros(400_000)
    for _ in range(11):
        x = np.maximum(x + generator.standard_normal(len(x)), 0.0)
    walk = walk_after(10)
    assert (x == 0).mean() == pytest.approx(walk.zero_fraction, abs=2e-3)
    assert x.mean() == pytest.approx(walk.mean, rel=5e-3)
    assert (x**2).mean() == pytest.approx(walk.second_moment, rel=1e-2)


def test_effective_path_lengths() -> None:
    assert effective_path_length([54]) == pytest.approx(6.2, abs=0.05)
    assert effective_path_length([18, 18, 18]) == pytest.approx(12.3, abs=0.05)
