"""Predicted beside measured: what is compared, what is left out, and which site is told as the worst."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from skipline.signal import SiteReading, Xray
from skipline.signal.comparison import compared
from skipline.theory.prediction import STANDARD_INPUTS, Prediction, SitePrediction

EXPECTED = SitePrediction(
    second_moment=2.0,
    channel_mean_square=0.0,
    zero_fraction=0.0,
    correlation=0.0,
    gradient_norm=10.0,
    method="exact",
    band=1.5,
    gradient_band=1.5,
    spread=0.0,
)
FOUND = SiteReading((4, 8), 2.0, 0.0, 2.0, 0.0, 0.0, 0, 0.0, 4.0, 10.0, 0.0, 0)


def prediction(**sites: SitePrediction) -> Prediction:
    return Prediction(image_size=8, inputs=STANDARD_INPUTS, sites=sites, outputs={})


def reading(**sites: SiteReading) -> Xray:
    return Xray(inputs={}, sites=sites, outputs={}, sums=(), tensors={}, num_inputs=4, objective=0.0, is_training=True)


def test_medians_of_the_ratios_and_the_shares_within_the_bands() -> None:
    """Signals 1, 3 and 5 times the predicted, all with a band of 1.5; gradients 0.1, 0.09 and 1 times."""
    result = compared(
        prediction(a=EXPECTED, b=EXPECTED, c=EXPECTED),
        reading(
            a=replace(FOUND, gradient_norm=1.0),
            b=replace(FOUND, second_moment=6.0, gradient_norm=0.9),
            c=replace(FOUND, second_moment=10.0),
        ),
    )
    assert (result.num_sites, result.signal) == (3, 3.0)
    assert result.gradient == pytest.approx(0.1)
    assert result.signal_within == pytest.approx(1 / 3)
    assert result.gradient_within == pytest.approx(1 / 3)
    assert (result.worst, result.worst_ratio) == ("c", 5.0)
    assert result.gradient_worst == "b"
    assert result.gradient_worst_ratio == pytest.approx(0.09)


def test_the_worst_is_that_farthest_outside_of_its_own_band() -> None:
    """Three times within a band of four is better than half within one of 1.5, though farther from 1."""
    wide = replace(EXPECTED, band=4.0)
    result = compared(
        prediction(wide=wide, narrow=EXPECTED),
        reading(wide=replace(FOUND, second_moment=6.0), narrow=replace(FOUND, second_moment=1.0)),
    )
    assert (result.worst, result.worst_ratio) == ("narrow", 0.5)
    assert result.signal_within == 0.5


@pytest.mark.parametrize("value", [0.0, math.inf, math.nan])
def test_what_has_no_ratio_is_left_out(value: float) -> None:
    result = compared(
        prediction(good=EXPECTED, unsaid=replace(EXPECTED, second_moment=value), odd=EXPECTED, gone=EXPECTED),
        reading(good=FOUND, unsaid=FOUND, odd=replace(FOUND, second_moment=value, gradient_norm=value), other=FOUND),
    )
    assert (result.num_sites, result.signal, result.worst) == (1, 1.0, "good")
    assert (result.gradient, result.gradient_within) == (1.0, 1.0)


def test_without_gradients_the_signals_are_compared() -> None:
    result = compared(prediction(a=EXPECTED), reading(a=replace(FOUND, gradient_norm=None)))
    assert (result.num_sites, result.signal, result.signal_within) == (1, 1.0, 1.0)
    assert math.isnan(result.gradient)
    assert math.isnan(result.gradient_within)
    assert result.gradient_worst == ""
    assert math.isnan(result.gradient_worst_ratio)


def test_with_nothing_in_common_there_is_no_ratio() -> None:
    result = compared(prediction(a=EXPECTED), reading(b=FOUND))
    assert (result.num_sites, result.worst, result.gradient_worst) == (0, "", "")
    ratios = (result.signal, result.gradient, result.signal_within, result.gradient_within, result.worst_ratio)
    assert all(map(math.isnan, ratios))
