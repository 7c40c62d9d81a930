"""Named random streams."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skipline.seeds import split_seed

NAMES = st.lists(st.one_of(st.text(max_size=4), st.integers(-300, 300)), max_size=3)


def test_a_seed_is_the_digest_of_its_parts_each_with_kind_and_length() -> None:
    parts = b"i" + bytes(7) + b"\x01" + b"7" + b"s" + bytes(7) + b"\x05" + b"order" + b"i" + bytes(7) + b"\x02" + b"12"
    digest = hashlib.blake2b(parts, digest_size=8).digest()
    assert split_seed(7, "order", 12) == int.from_bytes(digest, "big") // 2


def test_a_seed_stays_what_it_was() -> None:
    """A run that was started by an older version must draw the same when it is resumed."""
    assert split_seed(0, "augment", 3, 14) == 9068090437738379925


@given(st.integers(), NAMES, st.integers(), NAMES)
def test_other_names_are_other_streams(seed: int, names: list[str | int], other: int, others: list[str | int]) -> None:
    same_parts = [repr(part) for part in (seed, *names)] == [repr(part) for part in (other, *others)]
    assert (split_seed(seed, *names) == split_seed(other, *others)) == same_parts


@pytest.mark.parametrize(
    ("one", "two"), [(("ab", "c"), ("a", "bc")), ((1, "a"), ("1", "a")), ((1, 23), (12, 3)), ((), ("",)), ((0,), ())]
)
def test_names_do_not_run_into_each_other(one: tuple[str | int, ...], two: tuple[str | int, ...]) -> None:
    assert split_seed(5, *one) != split_seed(5, *two)


@given(st.integers(), NAMES)
def test_a_seed_fits_a_generator(seed: int, names: list[str | int]) -> None:
    assert 0 <= split_seed(seed, *names) < 2**63
