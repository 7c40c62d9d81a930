"""Norms over the groups of one image: what they level, and the lottery of lengths that they hand to the gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest

from skipline.init import laws_of, scheme_named
from skipline.spec.layers import ActivationKind
from skipline.theory.predict import predict_signals
from skipline.theory.prediction import Inputs

from .measured import PLAIN, measure, network, predict


@pytest.mark.parametrize("activation", ["relu", "tanh", "leaky_relu"])
def test_a_levelled_input_leaves_less_to_chance(activation: ActivationKind) -> None:
    """The variance of ln mean φ(z)² over draws of n Gaussians that are brought to mean 0 and variance 1."""
    width, draws = 64, 20_000
    z = np.random.default_rng(0).standard_normal((draws, width))
    z = (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)
    functions = {
        "relu": lambda x: np.maximum(x, 0),
        "tanh": np.tanh,
        "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    }
    simulated = np.log((functions[activation](z) ** 2).mean(axis=1)).var()
    net = network(PLAIN, 1, norm="layer", activation=activation, width=width)
    start = laws_of(net, scheme_named("he_fan_in_normal"))
    same = Inputs(correlation=1.0, num_images=2)
    spread = predict_signals(net, start, image_size=1, inputs=same).sites["stem"].spread
    assert spread == pytest.approx(simulated, rel=0.1, abs=1e-4)


def test_gradients_grow_by_the_lengths_that_are_divided_out() -> None:
    """Sixteen layers with groups of 8: without e^v the gradient at the stem would be 0.37 too small in ln."""
    net = network(PLAIN, 8, norm="group")
    prediction = predict(net, "he_fan_in_normal", side=6, num_images=4)
    readings = measure(net, "he_fan_in_normal", side=6, num_images=4, seeds=24)
    for name in ("stem", "stage1.block4.out"):
        error = math.log(prediction.sites[name].gradient_norm / readings[name].gradient_norm)
        assert abs(error) < 0.25
        assert prediction.sites[name].second_moment == pytest.approx(readings[name].second_moment, rel=0.05)
