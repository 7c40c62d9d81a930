"""The prediction itself: every description has one, it is quick, and what it refuses it says."""

from __future__ import annotations

import math
import re

import pytest

from skipline.init import laws_of, scheme_named
from skipline.spec import Network, unfold
from skipline.theory.predict import predict_signals
from skipline.theory.prediction import METHODS, Inputs, Prediction
from skipline.zoo import describe

from .measured import PLAIN, PRE, RESIDUAL, network


def predicted(net: Network, *, side: int) -> Prediction:
    return predict_signals(net, laws_of(net, scheme_named("he_fan_out_normal")), image_size=side)


NAMES = ["resnet18", "resnet50", "resnet50d", "seresnet50", "ecaresnet50d", "resnetblur50", "resnext50_32x4d"]


@pytest.mark.parametrize("name", [*NAMES, "cifar_resnet20_dropout_shortcut", "cifar_preresnet164"])
def test_every_site_of_named_networks_has_numbers(name: str) -> None:
    net = describe(name)
    prediction = predicted(net, side=64)
    assert tuple(prediction.sites) == unfold(net).sites
    for site in prediction.sites.values():
        numbers = (site.second_moment, site.channel_variance, site.gradient_norm, site.band, site.gradient_band)
        assert all(math.isfinite(number) and number > 0 for number in numbers)
        assert 0 <= site.zero_fraction <= 1
        assert -1 <= site.correlation <= 1
        assert site.method in METHODS


def test_the_share_of_zeros_of_a_thousand_blocks_is_the_reflected_walks() -> None:
    """C(2m, m)/4^m after m steps, by hand 1/√(πm) to a thousandth at m = 1001; how long it takes is a benchmark's."""
    net = network(RESIDUAL, 1000, width=16)
    prediction = predicted(net, side=32)
    assert len(prediction.sites) == 4002
    zeros = prediction.sites["stage1.block1000.out"].zero_fraction
    assert zeros == pytest.approx(1 / math.sqrt(math.pi * 1001), rel=5e-3)


def test_the_gradient_at_the_head_is_the_root_of_the_classes() -> None:
    assert predicted(network(PLAIN, 1), side=8).sites["head"].gradient_norm == pytest.approx(math.sqrt(10))


def test_numbers_beyond_doubles_are_infinite_and_not_undefined() -> None:
    net = network(PRE, 1200, norm="none", width=16)
    prediction = predict_signals(net, laws_of(net, scheme_named("he_fan_in_normal")), image_size=4)
    assert prediction.sites["stage1.block1200.out"].second_moment > 1e100
    assert not any(math.isnan(site.second_moment) for site in prediction.sites.values())
    assert not any(math.isnan(site.gradient_norm) for site in prediction.sites.values())


def test_a_start_that_lacks_a_parameter_is_refused() -> None:
    net = network(PLAIN, 1)
    start = laws_of(net, scheme_named("he_fan_out_normal"))
    del start["stage1.block1.branch.norm2.weight"]
    message = "the start has no law for stage1.block1.branch.norm2.weight."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        predict_signals(net, start, image_size=8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Inputs(second_moment=0.0), "Inputs.second_moment is 0.0; it must be a finite number above 0."),
        (lambda: Inputs(correlation=-0.5), "Inputs.correlation is -0.5; it must be between 0 and 1"),
        (lambda: Inputs(num_images=0), "Inputs.num_images is 0"),
        (lambda: predicted(network(PLAIN, 1), side=0), "predict_signals.image_size is 0"),
    ],
)
def test_what_is_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        make()
