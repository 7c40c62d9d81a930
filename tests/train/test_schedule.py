"""Learning rates over a run."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR, OneCycleLR

from skipline.train import Constant, Cosine, LinearWarmUp, NoWarmUp, OneCycle, RecipeError, StepDecay, UntilError
from skipline.train.schedule import Schedule, next_running_error, schedule_factor, warm_up_factor

BASE = 0.3  # of PyTorch's schedulers, whose rates are divided by it


def torch_rates(make: Callable[[SGD], LRScheduler], num_steps: int) -> list[float]:
    """What a scheduler of PyTorch multiplies the rate by at each step."""
    optimiser = SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE, momentum=0.9)
    scheduler = make(optimiser)
    rates = []
    for step in range(num_steps):
        rates.append(optimiser.param_groups[0]["lr"] / BASE)
        optimiser.step()
        if step < num_steps - 1:  # OneCycleLR refuses a step behind the last
            scheduler.step()
    return rates


@pytest.mark.parametrize("num_steps", [10, 97, 1000])
@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (OneCycle(), lambda opt, n: OneCycleLR(opt, BASE, total_steps=n, cycle_momentum=False)),
        (
            OneCycle(peak=0.2, start=0.1, end=0.001),
            lambda opt, n: OneCycleLR(
                opt, BASE, total_steps=n, pct_start=0.2, div_factor=10, final_div_factor=100, cycle_momentum=False
            ),
        ),
        (Cosine(), lambda opt, n: CosineAnnealingLR(opt, T_max=n)),
        (Cosine(end=0.1), lambda opt, n: CosineAnnealingLR(opt, T_max=n, eta_min=0.1 * BASE)),
        (
            StepDecay((0.5, 0.75), 0.1),
            lambda opt, n: MultiStepLR(opt, [math.ceil(0.5 * n), math.ceil(0.75 * n)], gamma=0.1),
        ),
    ],
)
def test_schedules_are_those_of_torch(
    schedule: Schedule, make: Callable[[SGD, int], LRScheduler], num_steps: int
) -> None:
    expected = torch_rates(lambda optimiser: make(optimiser, num_steps), num_steps)
    found = [schedule_factor(schedule, step, num_steps) for step in range(num_steps)]
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_he_et_al_divide_at_half_and_three_quarters() -> None:
    """64,000 steps, divided by 10 at 32,000 and 48,000 (arXiv 1512.03385, section 4.2)."""
    steps = (0, 31_999, 32_000, 47_999, 48_000, 63_999)
    factors = [schedule_factor(StepDecay(), step, 64_000) for step in steps]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_constant_is() -> None:
    assert {schedule_factor(Constant(), step, 7) for step in range(7)} == {1.0}


@given(
    st.one_of(
        st.just(Constant()),
        st.builds(Cosine, end=st.floats(0, 0.99)),
        st.builds(OneCycle, peak=st.floats(0, 1), start=st.floats(0, 1), end=st.floats(0, 1)),
        st.builds(StepDecay, milestones=st.just((0.1, 0.9)), factor=st.floats(0.01, 0.99)),
    ),
    st.integers(1, 50),
)
def test_every_factor_lies_between_0_and_1(schedule: Schedule, num_steps: int) -> None:
    for step in range(num_steps):
        assert 0.0 <= schedule_factor(schedule, step, num_steps) <= 1.0 + 1e-12


def test_linear_warm_up_rises_by_equal_parts_to_1() -> None:
    warm_up = LinearWarmUp(epochs=0.5)  # five of ten steps
    factors = [warm_up_factor(warm_up, step, 10, is_released=False) for step in range(8)]
    assert factors == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1])


def test_no_warm_up_and_a_released_one_leave_the_schedule_alone() -> None:
    assert warm_up_factor(NoWarmUp(), 0, 10, is_released=False) == 1.0
    assert warm_up_factor(UntilError(factor=0.1), 0, 10, is_released=True) == 1.0
    assert warm_up_factor(UntilError(factor=0.1), 0, 10, is_released=False) == 0.1


def test_the_running_error_is_an_average_over_about_ten_batches() -> None:
    error = 1.0
    for _ in range(10):
        error = next_running_error(error, 0.5)
    assert error == pytest.approx(0.5 + 0.5 * 0.9**10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StepDecay(factor=1.0), "schedule.factor is 1.0; expected a number in (0, 1)."),
        (lambda: StepDecay(milestones=(0.5, 1.5)), "schedule.milestones is 1.5; expected a number in (0, 1)."),
        (
            lambda: StepDecay(milestones=(0.7, 0.5)),
            "schedule.milestones is [0.7, 0.5]; expected fractions of the run that rise, e.g. [0.5, 0.75].",
        ),
        (lambda: StepDecay(milestones=()), "schedule.milestones is []; expected fractions of the run that rise"),
        (lambda: Cosine(end=math.nan), "schedule.end is nan; expected a number in [0, 1)."),
        (lambda: OneCycle(peak=30), "schedule.peak is 30; expected a number in [0, 1]."),
        (lambda: LinearWarmUp(epochs=0), "warm_up.epochs is 0; expected a number in (0, inf)."),
        (lambda: UntilError(error=80), "warm_up.error is 80; expected a number in (0, 1]."),
        (lambda: UntilError(factor=True), "warm_up.factor is True; expected a number in (0, 1)."),
    ],
)
def test_what_is_no_schedule_is_said(make: Callable[[], object], message: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)):
        make()
