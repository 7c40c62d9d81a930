"""What was predicted beside what was measured, site by site."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

from skipline.signal.reading import Xray
from skipline.theory.prediction import Prediction


@dataclass(frozen=True, slots=True)
class Comparison:
    """Measured over predicted, over the `num_sites` sites where both are above 0 and finite.

    `signal` and `gradient` are medians of the ratios of second moments and of gradient norms, `signal_within` and
    `gradient_within` the shares of sites whose ratio lies within the band that the prediction states (nine in ten are
    expected). `worst` is the site farthest outside of its band of second moments, and `worst_ratio` its ratio;
    `gradient_worst` and `gradient_worst_ratio` are those of gradient norms, "" and NaN where none was compared.
    """

    num_sites: int
    signal: float
    gradient: float
    signal_within: float
    gradient_within: float
    worst: str
    worst_ratio: float
    gradient_worst: str
    gradient_worst_ratio: float


def compared(prediction: Prediction, reading: Xray) -> Comparison:
    """`reading` against `prediction`, at the sites that both have; all NaN where none has a value to compare."""
    signals: _Ratios = {}
    gradients: _Ratios = {}
    for name, expected in prediction.sites.items():
        if name not in reading.sites:
            continue
        found = reading.sites[name]
        if _is_usable(expected.second_moment) and _is_usable(found.second_moment):
            signals[name] = found.second_moment / expected.second_moment, expected.band
        if found.gradient_norm is not None and _is_usable(expected.gradient_norm) and _is_usable(found.gradient_norm):
            gradients[name] = found.gradient_norm / expected.gradient_norm, expected.gradient_band
    if not signals:
        gradients = {}
    worst, worst_ratio = _worst(signals)
    gradient_worst, gradient_worst_ratio = _worst(gradients)
    return Comparison(
        num_sites=len(signals),
        signal=_median(signals),
        gradient=_median(gradients),
        signal_within=_share_within(signals),
        gradient_within=_share_within(gradients),
        worst=worst,
        worst_ratio=worst_ratio,
        gradient_worst=gradient_worst,
        gradient_worst_ratio=gradient_worst_ratio,
    )


_Ratios: TypeAlias = dict[str, tuple[float, float]]
"""Of each site measured over predicted, and its band."""


def _is_usable(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _median(ratios: _Ratios) -> float:
    return median(ratio for ratio, _ in ratios.values()) if ratios else math.nan


def _worst(ratios: _Ratios) -> tuple[str, float]:
    """The site farthest outside of its band, and its ratio."""
    if not ratios:
        return "", math.nan
    worst = max(ratios, key=lambda name: abs(math.log(ratios[name][0])) - math.log(ratios[name][1]))
    return worst, ratios[worst][0]


def _share_within(ratios: _Ratios) -> float:
    if not ratios:
        return math.nan
    return sum(abs(math.log(ratio)) <= math.log(band) for ratio, band in ratios.values()) / len(ratios)
