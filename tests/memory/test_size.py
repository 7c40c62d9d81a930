"""Amounts of memory from text."""

from __future__ import annotations

import pytest

from skipline.memory import parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2GiB", 2 * 1024**3), ("1.5 GB", 1_500_000_000), ("800mib", 800 * 1024**2), (" 7 KiB ", 7168), ("12B", 12)],
)
def test_sizes_are_read(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "2", "GiB", "-1GiB", "0GiB", "2 Gibi", "nan GiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an amount of memory; expected a number and a unit, e\.g\. '2GiB'"):
        parse_size(text)
