"""What a refusal says."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from skipline.spec import SpecError
from skipline.spec.check import require_divides

Refusal = Callable[[], None]

MESSAGES: list[tuple[Refusal, str]] = [
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


def test_what_divides_passes() -> None:
    require_divides("Stage", ("groups", 32), ("channels", 64))


def test_the_nearest_divisor_of_a_large_number_is_found_at_once() -> None:
    start = time.process_time()
    with pytest.raises(SpecError, match="that does is 1048573"):
        require_divides("Stage", ("groups", 1048570), ("channels", 1048573))  # a prime
    assert time.process_time() - start < 1.0
