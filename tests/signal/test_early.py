"""Early warning: what is said of one training step, and what is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from skipline.signal import EarlyWarning, SiteReading, StepReading, TensorChange, early_warnings
from skipline.spec import Network, Norm, StochasticDepth
from skipline.zoo import describe

PLAIN, RESIDUAL = describe("cifar_plain110"), describe("cifar_resnet110")
TENSORS = [f"stage1.block{k}.branch.conv1.weight" for k in range(1, 9)]


def site(
    *,
    second_moment: float = 1.0,
    gradient: float = 1.0,
    dead: float = 0.0,
    correlation: float = 0.1,
    num_nonfinite: int = 0,
) -> SiteReading:
    return SiteReading(
        shape=(8, 4, 2, 2),
        second_moment=second_moment,
        channel_mean_square=0.0,
        channel_variance=second_moment,
        zero_fraction=dead,
        dead_fraction=dead,
        num_nonfinite=num_nonfinite,
        correlation=correlation,
        effective_rank=4.0,
        gradient_norm=gradient,
        gradient_correlation=0.0,
        num_nonfinite_gradients=0,
    )


def tensor(*, norm: float = 1.0, gradient: float = 1.0) -> TensorChange:
    return TensorChange((4, 4, 3, 3), norm, gradient, 1e-3, 1.0)


def step_of(
    changed: Mapping[str, SiteReading] = {},
    *,
    growth: float = 1.0,
    tensors: Mapping[str, TensorChange] = {},
    step: int = 0,
) -> StepReading:
    """Eight blocks of one stage; the gradient grows by `growth` a block towards the images."""
    sites = {f"stage1.block{k}.out": site(gradient=growth ** (8 - k)) for k in range(1, 9)}
    named = {name: tensor() for name in TENSORS}
    return StepReading(step, {"stem": site(), **sites, **changed}, {**named, **tensors})


def said(reading: StepReading, network: Network = RESIDUAL, *, is_fresh: bool = True) -> list[tuple[str, str, str]]:
    found = early_warnings(reading, network, is_fresh=is_fresh)
    return [(warning.cause, warning.site, warning.verdict) for warning in found]


def test_nothing_is_said_where_all_is_well() -> None:
    assert said(step_of()) == []
    assert said(step_of(growth=1.2)) == [], "a factor of 4 over eight blocks"


def test_exponential_growth_is_told_with_its_cause_by_what_the_net_is() -> None:
    assert said(step_of(growth=3.0), PLAIN) == [
        ("gradient explodes through norms", "stage1.block1.out", "degrades"),
    ]
    bare = replace(PLAIN, norm=Norm("none"))
    assert [cause for cause, *_ in said(step_of(growth=5.0), bare)] == ["gradient explodes"]


def test_growth_as_a_power_of_the_depth_is_healthy_unless_no_law_has_such_a_power() -> None:
    def with_power(power: float) -> StepReading:
        sites = {f"stage1.block{k}.out": site(gradient=float(9 - k) ** -power) for k in range(1, 9)}
        return step_of(sites)

    assert said(with_power(-1.1)) == []
    powers = {f"stage1.block{k}.out": site(gradient=float(k) ** 9) for k in range(1, 9)}
    assert said(step_of(powers)) == [("gradient vanishes", "stage1.block1.out", "fails")]


def test_what_is_not_finite_is_told_alone_and_where_it_begins() -> None:
    lost = site(second_moment=math.nan, gradient=math.nan, num_nonfinite=3)
    reading = step_of({"stage1.block3.out": lost, "stage1.block4.out": lost}, step=50)
    (warning,) = early_warnings(reading, PLAIN, is_fresh=False)
    assert warning == EarlyWarning(
        step=50,
        site="stage1.block3.out",
        cause="numbers are not finite",
        says="stage1.block3.out is the first site with values that are not finite",
        verdict="fails",
    )
    assert warning.sentence == f"numbers are not finite: {warning.says}"


def test_dead_units_are_told_at_the_worst_block() -> None:
    reading = step_of({"stage1.block2.out": site(dead=0.6), "stage1.block5.out": site(dead=0.95)}, step=50)
    (warning,) = early_warnings(reading, RESIDUAL, is_fresh=False)
    assert (warning.cause, warning.site, warning.verdict) == ("dead units", "stage1.block5.out", "fails")
    assert warning.says == "95 % of the channels of stage1.block5.out are 0 for every input"


def test_tanh_units_that_saturate_are_told() -> None:
    tanh = replace(PLAIN, activation=replace(PLAIN.activation, kind="tanh"))
    full = {f"stage1.block{k}.out": site(second_moment=0.97) for k in range(1, 9)}
    assert [cause for cause, *_ in said(step_of(full, step=50), tanh)] == ["saturated units"]


STILL = {name: tensor(gradient=0.0) for name in TENSORS[:6]}


def test_weights_without_a_gradient_are_dead_unless_zeros_stand_behind_them_or_they_were_left_out() -> None:
    assert said(step_of(tensors=STILL)) == [("dead weights", TENSORS[0], "degrades")]
    gammas = {name.replace("conv1", "norm2"): tensor(norm=0.0) for name in TENSORS[:6]}
    assert said(step_of(tensors={**STILL, **gammas})) == []
    stuck = {name: replace(change, gradient_norm=0.0) for name, change in gammas.items()}
    assert [cause for cause, *_ in said(step_of(tensors={**STILL, **stuck}))] == ["dead weights"]
    stochastic = replace(RESIDUAL, stochastic_depth=StochasticDepth(0.5, "batch"))
    assert said(step_of(tensors=STILL), stochastic) == []


def test_behind_a_classifier_of_zeros_nothing_is_said_of_gradients() -> None:
    shut = {**STILL, "head.linear.weight": tensor(norm=0.0)}
    assert said(step_of(growth=0.0, tensors=shut)) == []
    assert said(step_of(growth=0.0)) != []


def test_channels_that_wait_for_a_zero_branch_are_not_dead_yet() -> None:
    padded = {"stage1.block5.out": site(dead=0.75)}
    zero = {TENSORS[4]: tensor(gradient=0.0), "stage1.block5.branch.norm2.weight": tensor(norm=0.0)}
    assert said(step_of(padded, tensors=zero)) == []
    assert said(step_of(padded, step=1)) == [("dead units", "stage1.block5.out", "degrades")]


@pytest.mark.parametrize("is_fresh", [True, False])
def test_layers_out_of_line_are_told_of_weights_as_they_were_drawn_only(is_fresh: bool) -> None:
    expected = [("a layer out of line", TENSORS[2], "degrades")] if is_fresh else []
    assert said(step_of(tensors={TENSORS[2]: tensor(norm=3.0)}), is_fresh=is_fresh) == expected
