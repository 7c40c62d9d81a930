"""Amounts of memory, to and from text."""

from __future__ import annotations

import pytest

from skipline.memory import parse_size, size_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2GiB", 2 * 1024**3), ("1.5 GB", 1_500_000_000), ("800mib", 800 * 1024**2), (" 7 KiB ", 7168), ("12B", 12)],
)
def test_sizes_are_read(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "2", "GiB", "-1GiB", "0GiB", "2 Gibi", "nan GiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no amount of memory; expected a number and a unit, e\.g\. '2GiB'"):
        parse_size(text)


def test_sizes_are_written() -> None:
    assert [size_text(number) for number in (512, 3 * 2**20, 1.25 * 2**30, 20 * 2**30)] == [
        *("0.5 KiB", "3.00 MiB", "1.25 GiB", "20.0 GiB")
    ]
