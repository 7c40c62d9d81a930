"""Phase diagrams of examined nets: which nets have one, what stands in it, how far it goes."""

from __future__ import annotations

import pytest

from skipline.cli.output.diagnosis_phase import phases_of
from skipline.spec import Activation, Norm
from skipline.study.examination import Conditions, Examination, examine
from skipline.study.family import Unit
from skipline.study.subject import candidate_of, linear_candidate

RELU, LEAKY = Activation(), Activation("leaky_relu", slope=0.5)


BARE = Norm("none")


def examined(init: str, *, unit: Unit = "plain", norm: Norm = BARE, activation: Activation = RELU) -> Examination:
    candidate = candidate_of(unit, depth=8, width=4, norm=norm, activation=activation, init=init)
    return examine(candidate, Conditions(image_size=8), measure=False)


def test_plain_nets_without_norms_stand_in_one_diagram_an_activation() -> None:
    """σ_w² is 2 from He and 1 from LeCun; χ₁ is σ_w² E[φ'²]: halves of 1 for the ReLU, of 1 + 0.5² for the leaky."""
    nets = [
        examined("he_fan_in_normal"),
        examined("lecun_normal", activation=LEAKY),
        examined("lecun_normal"),
    ]
    relu, leaky = phases_of(nets)
    assert (relu.activation, leaky.activation) == ("ReLU", "leaky ReLU 0.5")
    assert [point.name for point in relu.points] == [nets[0].candidate.network.name, nets[2].candidate.network.name]
    assert [point.weight_variance for point in relu.points] == pytest.approx([2.0, 1.0])
    assert [point.bias_variance for point in (*relu.points, *leaky.points)] == [0.0, 0.0, 0.0]
    for record, factor in ((relu, 0.5), (leaky, 0.625)):
        assert (record.weight_variances[0], record.weight_variances[-1]) == (0.5, 3.0)
        for row in record.chi:
            assert row == pytest.approx([factor * variance for variance in record.weight_variances])


def test_a_net_far_out_widens_the_diagram() -> None:
    """Of 3·I the scale is 3: σ_w² = 9, a fifth more is 10.8. Of 0.5·I it is 0.25, a fifth less is 0.2."""
    (record,) = phases_of([examined("scaled_identity(3.0)"), examined("scaled_identity(0.5)")])
    assert [point.weight_variance for point in record.points] == pytest.approx([9.0, 0.25])
    assert (record.weight_variances[0], record.weight_variances[-1]) == pytest.approx((0.2, 10.8))


def test_who_has_no_phases() -> None:
    linear = examine(linear_candidate(8, 0.5), Conditions(image_size=8), measure=False)
    others = [examined("he_fan_in_normal", unit="residual"), examined("he_fan_in_normal", norm=Norm())]
    assert phases_of([linear, *others]) == ()
