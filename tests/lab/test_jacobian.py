"""The singular values of the Jacobian: all of a small net, against laws and against the search for the ends."""

from __future__ import annotations

from typing import Any

import pytest

from skipline.lab.error import Superseded
from skipline.lab.jacobian import jacobian
from skipline.lab.setup import setup_of


def found(**setup: Any) -> dict[str, Any]:
    return jacobian(setup_of(setup), lambda: None)


def test_a_linear_net_stretches_everything_alike() -> None:
    linear = found(unit="linear", depth=50, alpha=0.5)
    assert linear["values"] == pytest.approx([0.5**48] * 8, rel=1e-12)  # 4 features of two images
    assert linear["median"] == pytest.approx(0.5**48)


def test_branches_at_zero_leave_what_fits_and_lose_the_rest() -> None:
    """Option A takes every second pixel twice: 4 channels of 2×2 pixels arrive, the other 12 are zeros."""
    identity = found(act="identity", norm="none", init="zero_branch(he_fan_out_normal)", depth=8, width=4)
    assert identity["values"] == pytest.approx([1.0] * (2 * 4 * 4) + [0.0] * (2 * 12 * 4), abs=1e-12)
    assert identity["smallest"] == 0


@pytest.mark.parametrize(
    "more", [{}, {"norm": "none", "unit": "plain"}, {"unit": "preact", "lesions": ["stage2.block1"]}]
)
def test_the_ends_are_those_that_are_searched(more: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = found(depth=14, width=2, **more)
    monkeypatch.setattr("skipline.lab.jacobian.MOST_ROWS_TIMES_DEPTH", 0)
    ends = found(depth=14, width=2, **more)
    assert "values" not in ends
    assert ends["num_values"] == whole["num_values"] == len(whole["values"]) == 64
    assert whole["values"] == sorted(whole["values"], reverse=True)
    assert ends["largest"] == pytest.approx(whole["largest"], rel=1e-2)
    assert ends["smallest"] >= whole["smallest"] * (1 - 1e-4), "never below the smallest"


def test_it_is_left_when_something_newer_is_asked() -> None:
    calls = 0

    def between() -> None:
        nonlocal calls
        calls += 1
        if calls == 20:  # blocks of the start, then products with the Jacobian
            raise Superseded

    with pytest.raises(Superseded):
        jacobian(setup_of({"depth": 14, "width": 4}), between)
