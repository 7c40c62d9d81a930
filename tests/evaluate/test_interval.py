"""Bootstrap intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from skipline.evaluate.interval import bootstrap, share, wilson


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_bootstrap_of_a_mean_is_that_of_the_normal_law() -> None:
    """Its ends are 1.96 standard errors away: of 400 values, that is exact to some per cent (1000 resamples)."""
    values = np.random.default_rng(1).normal(size=400)
    low, high = bootstrap(lambda drawn: float(values[drawn].mean()), 400, generator=generator())
    half = 1.96 * values.std() / math.sqrt(400)
    assert low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_the_seed_decides() -> None:
    values = np.arange(20.0)

    def interval(seed: int) -> tuple[float, float]:
        return bootstrap(lambda drawn: float(values[drawn].mean()), 20, generator=generator(seed), num=50)

    assert interval(0) == interval(0)
    assert interval(0) != interval(1)


def test_resamples_without_a_value_are_left_out() -> None:
    def only_with_the_first(drawn: np.ndarray) -> float:
        return 1.0 if (drawn == 0).any() else math.nan

    assert bootstrap(only_with_the_first, 10, generator=generator(), num=50) == (1.0, 1.0)
    assert all(map(math.isnan, bootstrap(lambda drawn: math.nan, 10, generator=generator(), num=5)))


def test_nothing_is_known_of_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert math.isnan(share(0, 0).value)
