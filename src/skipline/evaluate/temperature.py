"""Temperature scaling: one number that makes a net's confidence honest without changing an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from skipline.evaluate.scores import Floats, Ints

COLDEST, HOTTEST = 0.05, 20.0  # guessed: beyond, images that are all right, or all wrong, would push it to 0 or ∞
_TOLERANCE = 1e-9  # of β: far below what the images tell
_MOST_STEPS = 100  # bisection alone needs 40


@dataclass(frozen=True, slots=True, eq=False)
class Tempered:
    """Logits divided by temperatures that were fitted on other images than those that they are of."""

    logits: Floats
    temperatures: tuple[float, ...]
    fitted_on: str


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """The T in [`COLDEST`, `HOTTEST`] whose softmax(z / T) gives `labels` the least log loss.

    In β = 1 / T the loss is convex: with p = softmax(β z) its slope is Σ (E_p[z] − z_label) and its curvature
    Σ Var_p[z] ≥ 0, so Newton's step, or the middle where that leaves the bracket, finds the minimum. Images with a
    logit that is not finite are left out. (Guo et al. 2017, arXiv 1706.04599, section 4.2.)
    """
    finite = np.isfinite(logits).all(axis=1)
    z, own = logits[finite].astype(np.float64), labels[finite]
    z = z - z.max(axis=1, keepdims=True)  # a shift of an image's logits changes nothing
    low, high, beta = 1 / HOTTEST, 1 / COLDEST, 1.0
    for _ in range(_MOST_STEPS):
        slope, curvature = _derivatives(z, own, beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        step = beta - slope / curvature if curvature > 0 else low
        next_beta = step if low <= step <= high else (low + high) / 2
        if abs(next_beta - beta) < _TOLERANCE:
            break
        beta = next_beta
    return float(1 / beta)


def edge_remark(temperature: float) -> str:
    """What it means that `temperature` is an end of those that are tried, where the least loss may lie beyond it."""
    if math.isclose(temperature, HOTTEST, rel_tol=1e-6):
        return f"T = {HOTTEST:g} is the upper end of the search range: the confidence carries almost no information."
    if math.isclose(temperature, COLDEST, rel_tol=1e-6):
        return f"T = {COLDEST:g} is the lower end of the search range: every image that it was fitted on is right."
    return ""


def tempered(logits: Floats, held_out: tuple[Floats, Ints], *, called: str) -> Tempered:
    """`logits` at the temperature that suits `held_out`, the logits and labels of the images `called` so."""
    temperature = fit_temperature(*held_out)
    return Tempered(logits / temperature, (temperature,), called)


def cross_tempered(logits: Floats, labels: Ints, *, generator: torch.Generator) -> Tempered:
    """Each half of the images at the temperature that suits the other half.

    The halves are drawn by `generator`, class by class. For sets without a part that is held out beside the one that
    is reported: no image has a say in its own temperature.
    """
    is_first = np.zeros(len(labels), dtype=bool)
    for k in np.unique(labels):
        members = np.flatnonzero(labels == k)
        drawn = torch.randperm(len(members), generator=generator).numpy()
        coin = int(torch.randint(2, (1,), generator=generator))  # which half has the odd one
        is_first[members[drawn[: (len(members) + coin) // 2]]] = True
    scaled, temperatures = logits.astype(np.float64), []
    for half in (is_first, ~is_first):
        if half.any() and not half.all():
            temperatures.append(fit_temperature(logits[~half], labels[~half]))
            scaled[half] /= temperatures[-1]
    return Tempered(scaled, tuple(temperatures), "the other half of these images")


def _derivatives(z: Floats, labels: Ints, beta: float) -> tuple[float, float]:
    p = np.exp(beta * z)
    p /= p.sum(axis=1, keepdims=True)
    mean = (p * z).sum(axis=1)
    variance = (p * z * z).sum(axis=1) - mean**2
    return float((mean - z[np.arange(len(z)), labels]).sum()), float(np.maximum(variance, 0.0).sum())
