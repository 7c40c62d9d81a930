"""What was predicted beside what was measured, site by site."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

from skipline.signal.reading import Xray
from skipline.theory.prediction import Prediction


@dataclass(frozen=True, slots=True)
class Comparison:
    """Measured over predicted, over the `num_sites` sites where both are above 0 and finite.

    `signal` and `gradient` are medians of the ratios of second moments and of gradient norms, `signal_within` and
    `gradient_within` the shares of sites whose ratio lies within the band that the prediction states (nine in ten are
    expected). `worst` is the site farthest outside of its band of second moments, and `worst_ratio` its ratio.
    """

    num_sites: int
    signal: float
    gradient: float
    signal_within: float
    gradient_within: float
    worst: str
    worst_ratio: float


def compared(prediction: Prediction, reading: Xray) -> Comparison:
    """`reading` against `prediction`, at the sites that both have; all NaN where none has a value to compare."""
    signals: dict[str, tuple[float, float]] = {}
    gradients: list[tuple[float, float]] = []
    for name, expected in prediction.sites.items():
        if name not in reading.sites:
            continue
        found = reading.sites[name]
        if _is_usable(expected.second_moment) and _is_usable(found.second_moment):
            signals[name] = found.second_moment / expected.second_moment, expected.band
        if found.gradient_norm is not None and _is_usable(expected.gradient_norm) and _is_usable(found.gradient_norm):
            gradients.append((found.gradient_norm / expected.gradient_norm, expected.gradient_band))
    if not signals:
        return Comparison(0, math.nan, math.nan, math.nan, math.nan, "", math.nan)
    worst = max(signals, key=lambda name: abs(math.log(signals[name][0])) - math.log(signals[name][1]))
    return Comparison(
        num_sites=len(signals),
        signal=median(ratio for ratio, _ in signals.values()),
        gradient=median(ratio for ratio, _ in gradients) if gradients else math.nan,
        signal_within=_share_within(list(signals.values())),
        gradient_within=_share_within(gradients),
        worst=worst,
        worst_ratio=signals[worst][0],
    )


def _is_usable(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _share_within(pairs: list[tuple[float, float]]) -> float:
    if not pairs:
        return math.nan
    return sum(abs(math.log(ratio)) <= math.log(band) for ratio, band in pairs) / len(pairs)
