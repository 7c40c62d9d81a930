"""Any scheme's weights times a number: the same draws, larger or smaller, and nothing else changed."""

from __future__ import annotations

import math

import pytest
import torch

from skipline.init import InitError, build, scheme_named
from skipline.spec import Activation, ConvWeights, Head, Network, Norm, Stage, Stem
from skipline.study.phase_place import phase_place
from skipline.study.subject import candidate_of
from skipline.theory.phase import phase_point

NET = Network("mine", 3, Stem((4,)), (Stage(2, 4, 4),), Head(5))


@pytest.mark.parametrize("name", ["he_fan_out_normal", "zero_branch(orthogonal)", "torch_default", "dirac"])
def test_every_convolution_is_multiplied_and_nothing_else(name: str) -> None:
    own = build(NET, scheme=scheme_named(name), seed=3).state_dict()
    for path, tensor in build(NET, scheme=scheme_named(f"scaled(0.25, {name})"), seed=3).state_dict().items():
        is_convolution = path.endswith("weight") and tensor.ndim == 4
        assert torch.equal(tensor, own[path] * 0.25 if is_convolution else own[path]), path


@pytest.mark.parametrize(("weight_variance", "chi"), [(1.0, 0.759), (1.3, 0.880), (1.5, 0.939), (1.7, 0.987)])
def test_it_leads_along_a_line_of_the_phase_diagram(weight_variance: float, chi: float) -> None:
    """The published slopes of tanh at σ_b² = 0.05; the critical point lies at σ_w² = 1.7610."""
    factor = math.sqrt(weight_variance / 1.7610)
    net = candidate_of(
        "plain",
        depth=8,
        width=4,
        norm=Norm("none"),
        activation=Activation("tanh"),
        init=f"scaled({factor}, critical(0.05))",
    )
    place = phase_place(net)
    assert place.weight_variance == pytest.approx(weight_variance, rel=1e-4)
    assert place.bias_variance == pytest.approx(0.05)
    found = phase_point(
        net.network.activation, weight_variance=place.weight_variance, bias_variance=place.bias_variance
    )
    assert found.chi == pytest.approx(chi, abs=1e-3)


def test_filters_that_rescale_themselves_are_refused() -> None:
    network = Network("mine", 3, Stem((4,)), NET.stages, Head(5), conv_weights=ConvWeights("scaled"))
    with pytest.raises(InitError, match="what scaled chooses would be undone"):
        build(network, scheme=scheme_named("scaled(2, orthogonal)"))
