"""What an activation makes of a signal, and how the gradient comes back through it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from skipline.spec import Activation
from skipline.theory.activation import is_homogeneous, negative_slope, slopes, values
from skipline.theory.element_law import Gaussian, Grid, Law, Points, activated, as_points, maximum
from skipline.theory.gaussian import moments, product
from skipline.theory.signal_state import Flow, Given, Gradient, Kernel, Passed, Population, Signal, ratio

_TINY = 1e-12  # of a correlation: rounding
_STEP = 0.02  # of a variance, in a difference quotient: guessed
_HALF_WAY = 0.5  # see `_crossed`


class Correlations:
    """E[φ(x) φ(y)] for Gaussian pairs, each computed once: blocks that are alike ask again and again."""

    def __init__(self, activation: Activation) -> None:
        self.activation = activation
        self.known: dict[tuple[float, float, float], float] = {}

    def product(self, correlation: float, mean: float, variance: float) -> float:
        """See `gaussian.product`; the correlation to ten digits."""
        key = (round(correlation, 10), mean, variance)
        if key not in self.known:
            self.known[key] = product(self.activation, key[0], mean=mean, variance=variance)
        return self.known[key]


def passed_activation(signal: Signal, pairs: Correlations, *, largest_of: float) -> Passed:
    """φ, element by element. Behind it stands a max-pool over `largest_of` pixels, or 1: gradient comes to the largest.

    Exact in the moments of an element; of pairs for Gaussian ones, else with the correlation that Gaussian ones of the
    same mean and variance have.
    """
    activation = pairs.activation
    if activation.kind == "identity" and not activation.is_transformed:
        return signal, lambda gradient: gradient
    different = 1.0
    reactions = [activated(population.law, activation) for population in signal.populations]
    populations, squares = [], []
    for population, reaction in zip(signal.populations, reactions, strict=True):
        kernel = _kernel(population, pairs, reaction.moments.mean, reaction.moments.second_moment)
        kernel = kernel.combined(1.0, different)
        zeros = population.zeros if activation.output_shift == activation.input_shift == 0 else 0.0
        if is_homogeneous(activation) and negative_slope(activation) == 0:
            zeros = max(zeros, reaction.below)
        mean = reaction.moments.mean
        populations.append(replace(population, mean=mean, kernel=kernel, zeros=zeros, law=reaction.law))
        square = reaction.moments.slope_square
        if largest_of > 1:
            top = maximum(population.law, largest_of)
            square = (top.weights @ slopes(activation, top.values) ** 2).item()
        squares.append(square)
    exact = is_homogeneous(activation) and all(isinstance(p.law, Gaussian) for p in signal.populations)
    out = replace(
        signal,
        populations=tuple(populations),
        spread=_spread(signal, activation),
        fresh=0.0,
        odd=_odd(signal, activation),
        rank=max(signal.rank, 1 if exact else 2),
    )

    def pull(gradient: Gradient) -> Gradient:
        flows = []
        for flow, square, population in zip(gradient.flows, squares, signal.populations, strict=True):
            if flow.given is not None:
                flows.append(_given(flow, flow.given, square, population.law, activation))
            elif isinstance(population.law, Grid):
                known = Given(population.law.start, population.law.step, np.full(len(population.law.masses), flow.square))
                flows.append(_given(flow, known, square, population.law, activation))
            elif isinstance(population.law, Points):
                points = population.law
                flows.append(flow.weighed(slopes(activation, points.values), points.weights))
            else:
                flows.append(_crossed(flow, square, population))
        return replace(gradient, flows=tuple(flows), spread=gradient.spread + _gradient_spread(gradient, signal, pairs))

    return out, pull


def _given(flow: Flow, given: Given, square: float, law: Law, activation: Activation) -> Flow:
    """E[g² | x] = φ′(x)² E[g² | φ(x)], and its mean."""
    points = as_points(law)
    slope = slopes(activation, points.values) ** 2
    behind = given.at(values(activation, points.values))
    steep = (points.weights @ slope).item()
    mean = (points.weights @ (slope * behind)).item() * ratio(square, steep)
    known = Given(law.start, law.step, slope * behind) if isinstance(law, Grid) else None
    return Flow(mean, flow.across_pixels * ratio(mean, flow.square), given=known)


def _pixels_apart(signal: Signal) -> float:
    """The mean over two pixels of the product of their deviations, over the second moment: 1 without a border."""
    root = np.sqrt(signal.profile).mean().item()
    return root**4


def _crossed(flow: Flow, square: float, population: Population) -> Flow:
    """E[φ′(x) φ′(y)] of two pixels lies between E[φ′]² and E[φ′²]: for relu and independent pixels it is half of it."""
    alike = max(0.0, min(1.0, ratio(population.kernel.across_pixels, population.kernel.second)))
    return Flow(flow.square * square, flow.across_pixels * square * (_HALF_WAY + (1 - _HALF_WAY) * alike))


def _kernel(population: Population, pairs: Correlations, mean: float, second: float) -> Kernel:
    before, square = population.kernel, population.mean**2
    variance, alone, behind = before.second - square, mean * mean, second - mean * mean

    def of(whole: float) -> float:
        c = ratio(whole - square, variance)
        if variance <= 0 or c > 1 - _TINY:
            return second
        if abs(c) < _TINY or behind <= 0:
            return alone
        if math.isinf(second):
            return math.inf
        c = max(c, -1.0)
        if isinstance(population.law, Gaussian):
            return pairs.product(c, population.mean, variance)
        least = pairs.product(0.0, population.mean, variance)
        most = pairs.product(1.0, population.mean, variance)
        return alone + behind * ratio(pairs.product(c, population.mean, variance) - least, most - least)

    pixels, images = of(before.across_pixels), of(before.across_images)
    both = pixels if before.across_both == before.across_pixels else of(before.across_both)
    return Kernel(second, pixels, images, both)


def _odd(signal: Signal, activation: Activation) -> Kernel | None:
    """Of (φ(x) − φ(−x)) / 2: ((1 + a) / 2) x for leaky relu, x / 2 for gelu and silu too; tanh is odd itself."""
    if signal.odd is None or activation.is_transformed:
        return None
    if is_homogeneous(activation):
        return signal.odd.times(((1 + negative_slope(activation)) / 2) ** 2)
    return signal.odd.times(0.25) if activation.kind in ("gelu", "silu") else None


def _spread(signal: Signal, activation: Activation) -> float:
    """The variance of ln second moment behind φ: 5/n in all for a ReLU layer whose images have become alike.

    n is the number of channels; what independent images bring averages out. φ passes on what was there before as its
    second moment follows that of its input.
    """
    population = signal.populations[0]
    second, base = population.kernel.second, signal.spread - signal.fresh
    if len(signal.populations) > 1 or not isinstance(population.law, Gaussian) or not 0 < second < math.inf:
        return signal.spread
    if is_homogeneous(activation):
        a = negative_slope(activation)
        excess, follows = 6 * (1 + a**4) / (1 + a * a) ** 2 - 3, 1.0
    else:
        law = population.law
        points = as_points(law)
        y = values(activation, points.values) ** 2
        mean = (points.weights @ y).item()
        excess = (points.weights @ y**2).item() / mean**2 - 3
        grown = moments(activation, mean=law.mean, variance=(1 + _STEP) * law.variance).second_moment
        follows = (grown / mean - 1) / _STEP
    alike = max(0.0, min(1.0, ratio(population.kernel.across_images, second)))
    return max(0.0, base * follows**2 + signal.fresh + excess / signal.channels * alike**2)


def _gradient_spread(gradient: Gradient, signal: Signal, pairs: Correlations) -> float:
    """What one layer adds to the variance of ln ‖g‖² of one image: 5/n for relu, less what pixels average out."""
    a = negative_slope(pairs.activation) if is_homogeneous(pairs.activation) else 1.0  # guessed: smooth φ as linear
    kurtosis = 6 * (1 + a**4) / (1 + a * a) ** 2 - 1
    alike = max(ratio(flow.across_pixels, flow.square) for flow in gradient.flows)
    pixels = 1 / signal.num_pixels
    return kurtosis / signal.channels * (pixels + (1 - pixels) * min(1.0, max(0.0, alike)) ** 2)
