"""Factors between 0 and 1 that a network makes of its own signal: channel attention and gates."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from skipline.spec.block import Gate
from skipline.theory.activation import Array
from skipline.theory.addition import Split, summed
from skipline.theory.gaussian import nodes
from skipline.theory.layer_maps import passed_factor
from skipline.theory.signal_state import Gradient, Passed, Signal


def attended(x: Signal, mean: float, variance: float) -> Passed:
    """`x · σ(a)` with a ~ N(mean, variance) for each channel and image. What a owes to x is not counted."""
    level, square = sigmoid_moments(mean, variance)
    return passed_factor(x, square=square, mean=level)


def gated(f: Signal, s: Signal, gate: Signal, kind: Gate) -> tuple[Signal, Split]:
    """`f + (1 − σ(a)) s`, or `σ(a) f + (1 − σ(a)) s`, with `gate` the signal a.

    That a is made of x, and the gradient that comes back through it, is not counted.
    """
    mean, variance = gate.mean, max(gate.kernel.second - gate.mean**2, 0.0)
    level, square = sigmoid_moments(-mean, variance)
    closed, pull_shortcut = passed_factor(s, square=square, mean=level)
    opened, pull_branch = f, None
    if kind == "exclusive":
        level, square = sigmoid_moments(mean, variance)
        opened, pull_branch = passed_factor(f, square=square, mean=level)
    z, split = summed(opened, closed)

    def split_and_weigh(gradient: Gradient) -> tuple[Gradient, Gradient]:
        to_branch, to_shortcut = split(gradient)
        return (to_branch if pull_branch is None else pull_branch(to_branch)), pull_shortcut(to_shortcut)

    return replace(z, odd=None), split_and_weigh


def sigmoid_moments(mean: float, variance: float) -> tuple[float, float]:
    """E[σ(a)] and E[σ(a)²] for a ~ N(mean, variance), by quadrature."""
    if variance <= 0 or math.isinf(variance):
        value = 0.5 if math.isinf(variance) else (0.5 * (1 + np.tanh(mean / 2))).item()
        return value, 0.5 if math.isinf(variance) else value**2
    points, weights = nodes(mean, variance)
    values: Array = 0.5 * (1 + np.tanh(points / 2))
    return (weights @ values).item(), (weights @ values**2).item()
