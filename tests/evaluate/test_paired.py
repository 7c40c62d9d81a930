"""Two nets on the same images."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest
import torch

from skipline.evaluate.paired import compare, exact_p_value


def test_mcnemar_by_counting() -> None:
    """Over all 2ⁿ ways in which n differing images fall to either net, those at least so unequal."""
    for n in range(1, 9):
        for b in range(n + 1):
            ways = [sum(way) for way in product((0, 1), repeat=n)]
            least = min(b, n - b)
            extreme = sum(min(k, n - k) <= least for k in ways)
            assert exact_p_value(b, n - b) == pytest.approx(extreme / 2**n)


def test_mcnemar_of_many_images() -> None:
    """2⁻²⁰⁰⁰ is 0 in floats; the exact fraction is not."""
    expected = 2 * sum(Fraction(comb(2000, k), 2**2000) for k in range(901))
    assert exact_p_value(900, 1100) == pytest.approx(float(expected), rel=1e-9)
    assert exact_p_value(0, 5000) == 0.0
    assert exact_p_value(0, 0) == 1.0


def test_a_comparison_by_hand() -> None:
    first = np.array([1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    second = np.array([1, 1, 0, 1, 1, 1, 1, 0], dtype=bool)
    found = compare(first, second, generator=torch.Generator().manual_seed(0))
    assert (found.both_right, found.only_first, found.only_second, found.both_wrong) == (2, 1, 4, 1)
    assert (found.num_images, found.difference) == (8, 3 / 8)
    assert found.p_value == pytest.approx(2 * (1 + 5) / 32)
    assert found.low < 3 / 8 < found.high


def test_the_interval_is_paired() -> None:
    """Two nets of 50 % that differ on 1 % of 2,000 images: paired, the half width is 1.96 √(0.01 / 2000) = 0.0044.

    Unpaired it would be 1.96 √(2 · 0.25 / 2000) = 0.031.
    """
    first = np.arange(2000) % 2 == 0
    second = first.copy()
    second[:20] = ~second[:20]
    found = compare(first, second, generator=torch.Generator().manual_seed(0))
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * (0.01 / 2000) ** 0.5, rel=0.15)
    assert compare(first, first, generator=torch.Generator().manual_seed(0)).p_value == 1.0
