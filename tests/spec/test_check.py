"""What a refusal says."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from skipline.spec import SpecError
from skipline.spec.check import require_choice, require_count, require_divides, require_kind, require_real

Refusal = Callable[[], None]

MESSAGES: list[tuple[Refusal, str]] = [
    (
        lambda: require_choice("Branch", "kind", "botleneck", ("basic", "bottleneck")),
        "Branch.kind is 'botleneck'; it must be one of 'basic', 'bottleneck'. Did you mean 'bottleneck'?",
    ),
    (
        lambda: require_choice("Branch", "kind", ["basic"], ("basic", "bottleneck")),
        "Branch.kind is a list; it must be one of 'basic', 'bottleneck'.",
    ),
    (lambda: require_count("Head", "n", 2.0), "Head.n is 2.0; it must be a whole number of at least 1."),
    (lambda: require_count("Head", "n", True), "Head.n is True; it must be a whole number of at least 1."),
    (lambda: require_count("Head", "n", 0), "Head.n is 0; it must be at least 1. The nearest valid value is 1."),
    (
        lambda: require_count("Head", "n", 2000000),
        "Head.n is 2000000; it must be at most 1048576. The nearest valid value is 1048576.",
    ),
    (
        lambda: require_count("Head", "n", 10**5000),
        "Head.n is a number of 16610 bits; it must be at most 1048576. The nearest valid value is 1048576.",
    ),
    (
        lambda: require_real("Norm", "epsilon", float("nan"), low=0.0, high=1.0),
        "Norm.epsilon is nan; it must be a finite number in [0, 1].",
    ),
    (
        lambda: require_real("Norm", "epsilon", "small", low=0.0, high=1.0),
        "Norm.epsilon is 'small'; it must be a finite number in [0, 1].",
    ),
    (
        lambda: require_real("Norm", "epsilon", True, low=0.0, high=1.0),
        "Norm.epsilon is True; it must be a finite number in [0, 1].",
    ),
    (
        lambda: require_real("Norm", "epsilon", 1.5, low=0.0, high=1.0),
        "Norm.epsilon is 1.5; it must lie in [0, 1]. The nearest valid value is 1.",
    ),
    (
        lambda: require_real("Norm", "epsilon", -(10**400), low=0.0, high=1.0),
        "Norm.epsilon is a number of 1329 bits; it must lie in [0, 1]. The nearest valid value is 0.",
    ),
    (lambda: require_kind("Stage", "block", "x", (int, float)), "Stage.block is 'x'; it must be of type int or float."),
    (
        lambda: require_divides("Stage", ("groups", 32), ("channels", 48)),
        "Stage: groups=32 does not divide channels=48; the nearest value of groups that does is 24.",
    ),
    (
        lambda: require_divides("Stage", ("groups", 100), ("channels", 12)),
        "Stage: groups=100 does not divide channels=12; the nearest value of groups that does is 12.",
    ),
]


@pytest.mark.parametrize(("refusal", "message"), MESSAGES)
def test_a_refusal_says_what_came_and_what_would_do(refusal: Refusal, message: str) -> None:
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        refusal()


def test_what_is_valid_passes() -> None:
    require_choice("Branch", "kind", "basic", ("basic", "bottleneck"))
    require_count("Head", "n", 1)
    require_count("Head", "n", 0, least=0)
    require_real("Norm", "epsilon", 0, low=0.0, high=1.0)
    require_kind("Stage", "block", 1, (int,))
    require_divides("Stage", ("groups", 32), ("channels", 64))


def test_the_nearest_divisor_of_a_large_number_is_found_at_once() -> None:
    start = time.process_time()
    with pytest.raises(SpecError, match="that does is 1048573"):
        require_divides("Stage", ("groups", 1048570), ("channels", 1048573))  # a prime
    assert time.process_time() - start < 1.0
