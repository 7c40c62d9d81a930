"""The step out of line: found by name within a stage, never where shapes change."""

from __future__ import annotations

import pytest

from skipline.signal import SiteReading, Xray
from skipline.signal.course import course_of
from skipline.signal.outlier import Outlier, outlying_steps


def stages(*moments: tuple[float, ...]) -> Xray:
    """A reading of a net with the second moments of its blocks' outputs, stage by stage."""
    sites = {
        f"stage{s}.block{b}.out": SiteReading((4, 8 * s), value, 0.0, value, 0.0, 0.0, 0, 0.0, 4.0, 1.0, 0.0, 0)
        for s, stage in enumerate(moments, start=1)
        for b, value in enumerate(stage, start=1)
    }
    outputs = {name: name.partition(".")[0] for name in sites}
    return Xray(
        inputs={}, sites=sites, outputs=outputs, sums=(), tensors={}, num_inputs=4, objective=0.0, is_training=True
    )


def found(reading: Xray) -> tuple[Outlier, ...]:
    return outlying_steps(reading, course_of(reading))


def test_a_change_between_stages_is_none() -> None:
    """The norm is ten times as large from the one stage to the next, and level within both."""
    assert found(stages((1.0, 1.0, 1.0, 1.0), (100.0, 100.0, 100.0, 100.0))) == ()


def test_the_same_change_within_a_stage_is_found_among_the_steps_of_all() -> None:
    """Of eight blocks in two stages six have a place before them; nine times the second moment is thrice the norm."""
    (one,) = found(stages((1.0, 1.0, 1.0, 1.0), (100.0, 100.0, 900.0, 900.0)))
    assert (one.name, one.num_equals) == ("stage2.block3.out", 5)
    assert one.factor == pytest.approx(3.0)


def test_the_worst_comes_first_whichever_way_it_goes() -> None:
    names = [each.name for each in found(stages((1.0, 9.0, 9.0, 9.0, 9.0), (1.0, 1.0, 0.01, 0.01, 0.01)))]
    assert names == ["stage2.block3.out", "stage1.block2.out"]


@pytest.mark.parametrize("lost", [0.0, float("inf"), float("nan")])
def test_what_is_not_there_has_no_step(lost: float) -> None:
    assert found(stages((1.0, 1.0, 1.0, lost), (1.0, 1.0, 1.0, 1.0))) == ()


def test_among_four_steps_none_is_out_of_line() -> None:
    """One stands against three: too few to say which is the rule."""
    assert found(stages((1.0, 1.0, 900.0), (1.0, 1.0, 1.0))) == ()
