"""Exponential and polynomial growth are told apart, whatever the factor between first and last."""

from __future__ import annotations

import math
import random
from itertools import groupby

import pytest

from skipline.signal.growth import growth_of

CHI = math.pi / (math.pi - 1)  # of batch norm and ReLU: arXiv 1902.08129


def stages(*lengths: int) -> list[str]:
    return [f"stage{number}" for number, length in enumerate(lengths, start=1) for _ in range(length)]


def gamma_law(names: list[str], *, resets: bool) -> list[float]:
    """‖g_k‖ of a pre-activation net: ‖g_k‖²/‖g_{k+1}‖² = 1 + χ²/(k + χ), so that ‖g_0‖²/‖g_K‖² is the Γ-law."""
    counts = range(1, len(names) + 1)
    if resets:
        counts = [k for _, blocks in groupby(names) for k, _ in enumerate(blocks, start=1)]
    norms = [1.0]
    for k in reversed(list(counts)[:-1]):
        norms.append(norms[-1] * math.sqrt(1 + CHI**2 / (k + CHI)))
    return norms[::-1]


@pytest.mark.parametrize("lengths", [(5, 5, 5), (9, 9, 9), (18, 18, 18), (170, 170, 170), (500,), (3, 4, 6, 3)])
@pytest.mark.parametrize("resets", [True, False])
def test_a_healthy_residual_net_grows_polynomially_however_deep(lengths: tuple[int, ...], resets: bool) -> None:
    names = stages(*lengths)
    growth = growth_of(gamma_law(names, resets=resets), names)
    assert growth.kind == "polynomial"
    assert growth.total < 0


def test_five_hundred_blocks_have_the_published_ratio_and_power() -> None:
    names = stages(500)
    growth = growth_of(gamma_law(names, resets=False), names)
    to_the_images = math.sqrt(1 + CHI)  # of the first block, which a course of outputs does not see
    assert math.exp(-growth.total) * to_the_images == pytest.approx(390, rel=0.02)  # the Γ-law, by hand
    assert -growth.power == pytest.approx(CHI**2 / 2, rel=0.1)  # K^2.15 squared: 1.076 in norm


@pytest.mark.parametrize("lengths", [(3, 3, 3), (9, 9, 9), (18, 18, 18), (50, 50, 50)])
@pytest.mark.parametrize("per_layer", [1.2111, 1.033, 0.408])
def test_a_constant_factor_a_block_is_exponential(lengths: tuple[int, ...], per_layer: float) -> None:
    names = stages(*lengths)
    factor = per_layer**2
    growth = growth_of([factor**-k for k in range(len(names))], names)
    if abs(math.log(factor)) * (len(names) - 1) < 1:
        assert growth.kind == "steady"
    else:
        assert growth.kind == "exponential"
        assert growth.rate == pytest.approx(-math.log(factor))
        assert growth.factor == pytest.approx(1 / factor)
    assert growth.total == pytest.approx(-(len(names) - 1) * math.log(factor))


@pytest.mark.parametrize("seed", range(5))
def test_noise_of_a_tenth_does_not_confuse_them(seed: int) -> None:
    draw = random.Random(seed)
    names = stages(9, 9, 9)
    polynomial = [value * math.exp(draw.gauss(0, 0.1)) for value in gamma_law(names, resets=True)]
    exponential = [1.2111 ** (-2 * k) * math.exp(draw.gauss(0, 0.1)) for k in range(len(names))]
    assert growth_of(polynomial, names).kind == "polynomial"
    assert growth_of(exponential, names).kind == "exponential"


def test_jumps_between_stages_are_no_growth_within_them() -> None:
    names = stages(9, 9, 9)
    growth = growth_of([{"stage1": 1.0, "stage2": 1.01, "stage3": 1.02}[name] for name in names], names)
    assert growth.kind == "steady"
    assert abs(growth.rate) < 1e-9


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([1.0, 0.5, 0.0], -math.inf),
        ([1.0, 1e30, math.inf], math.inf),
        ([math.inf, 1e30, 1.0], -math.inf),
        ([0.0, 1e-300, 1.0], math.inf),
    ],
)
def test_values_that_leave_the_numbers_end(values: list[float], total: float) -> None:
    growth = growth_of(values, stages(len(values)))
    assert (growth.kind, growth.total) == ("ends", total)


def test_what_is_no_number_has_no_total() -> None:
    growth = growth_of([1.0, math.nan], stages(2))
    assert growth.kind == "ends"
    assert math.isnan(growth.total)


def test_few_blocks_are_told_by_their_ratio_alone() -> None:
    assert growth_of([1.0, 1e5, 1e10], stages(3)).kind == "exponential"
    assert growth_of([1.0, 1.1, 1.2], stages(3)).kind == "steady"


def test_a_high_power_is_called_exponential() -> None:
    names = stages(20)
    assert growth_of([float(k) ** 1.1 for k in range(1, 21)], names).kind == "polynomial"
    assert growth_of([float(k) ** 4 for k in range(1, 21)], names).kind == "exponential"
