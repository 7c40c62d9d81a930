"""The linear net, measured through its modules: α to the power of the depth, forward and back."""

from __future__ import annotations

import pytest

from skipline.spec import SpecError
from skipline.study.linear import measure_linear

ROUNDING = 1e-5  # 50 roundings of fp32, at most 6e-8 each, and as many in the norms


@pytest.mark.parametrize(("alpha", "after50"), [(0.5, 8.88e-16), (1.5, 6.376e8)])
def test_the_lectures_two_numbers(alpha: float, after50: float) -> None:
    seen = measure_linear(alpha, depth=50)
    assert seen.depth == tuple(range(1, 51))
    for measured in (seen.forward, seen.gradient, seen.predicted):
        assert len(measured) == 50
        assert measured[-1] == pytest.approx(after50, rel=5e-4)  # the lecture's digits


@pytest.mark.parametrize("alpha", [0.5, 1.5, 0.9])
def test_signal_and_gradient_are_powers_of_alpha_at_every_depth(alpha: float) -> None:
    seen = measure_linear(alpha, depth=50)
    law = [alpha**layer for layer in range(1, 51)]
    assert seen.forward == pytest.approx(law, rel=ROUNDING)
    assert seen.gradient == pytest.approx(law, rel=ROUNDING)
    assert seen.predicted == pytest.approx(law, rel=1e-15)


def test_alpha_one_changes_nothing() -> None:
    assert set(measure_linear(1.0, depth=10).forward) == {1.0}


def test_an_odd_depth_has_a_second_convolution_in_the_stem() -> None:
    assert measure_linear(0.5, depth=7).forward == pytest.approx([0.5**layer for layer in range(1, 8)])


def test_a_depth_that_no_blocks_make_is_refused() -> None:
    with pytest.raises(SpecError, match="the linear net has no depth 3: a stem, a block of two layers"):
        measure_linear(0.5, depth=3)
