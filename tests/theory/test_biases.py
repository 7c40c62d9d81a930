"""Biases hold a signal up: σ_b² in the second moment, shared by all images and pixels of a channel, and never lost."""

from __future__ import annotations

import math

import numpy as np
import pytest

from skipline.init import laws_of, scheme_named
from skipline.theory.correlation_collapse import correlation_after
from skipline.theory.predict import predict_signals
from skipline.theory.start import WeightLaw

from .measured import PLAIN, RESIDUAL, measure, network, outside, predict


def test_the_signal_of_pytorchs_start_comes_to_rest_where_biases_hold_it() -> None:
    """W, b ~ U(±1/√fan_in): q′ = (q/2) n/(3 · 9n) + 1/(3 · 9n) on one pixel, of whose nine taps one is on the image."""
    width, num_blocks = 128, 8
    net = network(PLAIN, num_blocks, norm="none", width=width)
    bias = 1 / (3 * 9 * width)
    rest = bias / (1 - 1 / 54)
    prediction = predict(net, "torch_default", side=1, num_images=16)
    readings = measure(net, "torch_default", side=1, num_images=16, seeds=3)
    for number in (3, num_blocks):
        site = f"stage1.block{number}.branch"
        assert prediction.sites[site].second_moment == pytest.approx(rest, rel=0.03)  # the median, not the mean
        assert readings[site].second_moment == pytest.approx(rest, rel=0.3)  # one layer's draw of 128 biases
    assert prediction.sites[f"stage1.block{num_blocks}.out"].correlation > 1 - 1e-9
    assert len(outside(prediction, readings)) <= 1  # nine in ten are to be inside, of 18


@pytest.mark.parametrize("block", [PLAIN, RESIDUAL])
def test_a_deep_net_with_biases_stays_within_its_bands(block: object) -> None:
    net = network(block, 16, norm="none")  # type: ignore[arg-type]
    prediction = predict(net, "torch_default", side=8, num_images=8)
    readings = measure(net, "torch_default", side=8, num_images=8, seeds=3)
    assert outside(prediction, readings) == []
    typical = [math.log(site.second_moment / readings[name].second_moment) for name, site in prediction.sites.items()]
    assert abs(sum(typical[10:]) / len(typical[10:])) < 0.25  # draws of single layers average out


def test_what_two_images_share_tends_to_all_of_it() -> None:
    """A tanh net with biases: c′ = (σ_w² E[φφ′] + σ_b²)/q, whose fixed point is 1 where χ₁ ≤ 1; measured beside it."""
    net = network(PLAIN, 8, norm="none", activation="tanh")
    prediction = predict(net, "critical(0.05)", side=8, num_images=12)
    readings = measure(net, "critical(0.05)", side=8, num_images=12, seeds=3)
    found = prediction.sites["stage1.block8.out"]
    assert found.correlation == pytest.approx(readings["stage1.block8.out"].correlation, abs=0.15)
    assert found.second_moment == pytest.approx(readings["stage1.block8.out"].second_moment, rel=0.15)


def test_lengths_vary_by_the_last_layers_only() -> None:
    """ln ‖x‖² forgets what stands further back: own² = 1/36 of its variance passes a layer, and 5/n is new."""
    width, draws, layers = 64, 4000, 12
    net = network(PLAIN, layers // 2, norm="none", width=width)
    start = laws_of(net, scheme_named("torch_default"))
    scale = {
        "weight": math.sqrt(1 / (3 * width)),  # of the one tap on the image, as if fan_in were n
        "bias": math.sqrt(1 / (3 * width)),
    }
    start |= {
        name: WeightLaw("independent", scale[name.rpartition(".")[2]]) for name in start if name.startswith("stage")
    }
    spread = predict_signals(net, start, image_size=1).sites[f"stage1.block{layers // 2}.out"].spread
    generator = np.random.default_rng(0)
    x = np.full((draws, width), 0.1)
    for _ in range(layers):  # W x is Gaussian with variance |x|²/(3n), whatever x is
        deviation = np.sqrt((x**2).sum(axis=1, keepdims=True)) * scale["weight"]
        bias = scale["bias"] * generator.standard_normal(x.shape)
        x = np.maximum(deviation * generator.standard_normal(x.shape) + bias, 0.0)
    assert spread == pytest.approx(np.log((x**2).mean(axis=1)).var(), rel=0.15)
    assert spread == pytest.approx(5 / width / (1 - 1 / 36), rel=0.03)


def test_biases_of_0_change_nothing() -> None:
    net = network(PLAIN, 4, norm="none")
    start = laws_of(net, scheme_named("he_fan_in_normal"))
    without = predict_signals(net, start, image_size=8)
    zeros = {name: WeightLaw("independent", 0.0) for name in start if name.endswith("conv1.bias")}
    assert len(zeros) == 5
    assert predict_signals(net, start | zeros, image_size=8) == without


def test_inputs_collapse_at_the_border_as_elsewhere() -> None:
    """κ₁ in every layer: zeros around the image take from what images share as they take from all of it."""
    net = network(PLAIN, 12, norm="none")
    prediction = predict(net, "he_fan_in_normal", side=8, num_images=16)
    for number in (1, 5, 12):
        expected = correlation_after(2 * number + 1)
        assert prediction.sites[f"stage1.block{number}.out"].correlation == pytest.approx(expected, abs=1e-6)
    readings = measure(net, "he_fan_in_normal", side=8, num_images=8, seeds=5)
    assert readings["stage1.block8.out"].correlation == pytest.approx(correlation_after(17), abs=0.05)
