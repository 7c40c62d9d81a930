"""What an activation makes of a signal, and how the gradient comes back through it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np

from skipline.spec import Activation
from skipline.theory.activation import Array, bend, is_homogeneous, negative_slope, slopes, values
from skipline.theory.element_law import Gaussian, Grid, Law, Points, Reaction, activated, as_points, maximum
from skipline.theory.gaussian import Moments, moments, product
from skipline.theory.signal_state import Flow, Given, Gradient, Kernel, Passed, Population, Signal, mean_of, ratio

_TINY = 1e-12  # of a correlation: rounding
_AT = 1e-6  # of a grid's step: rounding, and a hair beside a bend
_STEP = 0.02  # of a variance, in a difference quotient: guessed
_EVEN = 0.03  # guessed: φ's moments then differ by less than a thousandth
_HALF_WAY = 0.5  # see `_crossed`


class Correlations:
    """An activation φ, and E[φ(x) φ(y)] of Gaussian pairs, each computed once: blocks that are alike ask for the same.

    `is_homogeneous` as `activation.is_homogeneous` has it; φ's slope below 0 is then `below`.
    """

    def __init__(self, activation: Activation) -> None:
        self.activation = activation
        self.is_homogeneous = is_homogeneous(activation)
        self.below = negative_slope(activation)
        self.known: dict[tuple[float, float, float], float] = {}

    def product(self, correlation: float, mean: float, variance: float) -> float:
        """See `gaussian.product`; the correlation to ten digits."""
        key = (round(correlation, 10), mean, variance)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = product(self.activation, key[0], mean=mean, variance=variance)
        return found


def passed_activation(signal: Signal, pairs: Correlations, *, largest_of: float) -> Passed:
    """φ, element by element. Behind it stands a max-pool over `largest_of` pixels, or 1: gradient comes to the largest.

    Exact in the moments of an element; of pairs for Gaussian ones, else with the correlation that Gaussian ones of the
    same mean and variance have.
    """
    activation = pairs.activation
    if activation.kind == "identity" and not activation.is_transformed:
        return signal, lambda gradient: gradient
    uneven = 0.0 if pairs.is_homogeneous else _unevenness(signal.profile)
    populations, squares, tilt = [], [], 0.0
    for number, population in enumerate(signal.populations):
        reaction, own = _reaction(population.law, activation, uneven)
        tilt = tilt if number else own
        kernel = _kernel(population, pairs, reaction)
        zeros = population.zeros if activation.output_shift == activation.input_shift == 0 else 0.0
        if pairs.is_homogeneous and pairs.below == 0:
            zeros = max(zeros, reaction.below)
        populations.append(Population(population.channels, reaction.moments.mean, kernel, zeros, reaction.law))
        squares.append(_slope_square(population.law, reaction, activation, largest_of))
    exact = pairs.is_homogeneous and all(isinstance(p.law, Gaussian) for p in signal.populations)
    spread, follows = _spread(signal, pairs)
    profile = signal.profile**follows if uneven else signal.profile
    out = Signal(
        signal.side,
        profile / mean_of(profile) if uneven else profile,
        tuple(populations),
        spread=spread,
        odd=_odd(signal, pairs),
        rank=max(signal.rank, 1 if exact else 2),
    )
    return out, partial(_back_through, signal, pairs, tuple(squares), tilt)


def _back_through(
    signal: Signal, pairs: Correlations, squares: tuple[float, ...], tilt: float, gradient: Gradient
) -> Gradient:
    """The gradient before φ: `squares` are E[φ′²] of each population, `tilt` how its profile follows the signal's."""
    flows = zip(gradient.flows, squares, signal.populations, strict=True)
    back = tuple([_before(flow, square, population, pairs.activation) for flow, square, population in flows])
    own, common = _gradient_spread(gradient, signal, pairs)
    profile = gradient.profile
    if tilt:
        profile = _tilted(profile, signal, tilt)
        mean = mean_of(profile)
        profile, back = profile / mean, tuple([flow.before(1.0, factor=mean * mean) for flow in back])
    return Gradient(gradient.side, profile, back, gradient.spread + own, gradient.common + common)


def _slope_square(law: Law, reaction: Reaction, activation: Activation, largest_of: float) -> float:
    """E[φ′²] where the gradient arrives: anywhere, or at the largest of some pixels."""
    if largest_of <= 1:
        return reaction.moments.slope_square
    top = maximum(law, largest_of)
    return (top.weights @ slopes(activation, top.values) ** 2).item()


def _before(flow: Flow, square: float, population: Population, activation: Activation) -> Flow:
    """The gradient before φ from the one behind it: `square` is E[φ′²], for who does not know the element's value."""
    law = population.law
    if flow.given is not None:
        return _given(flow, flow.given, square, law, activation)
    if isinstance(law, Grid):
        same = Given(0.0, law.step, np.full(1, flow.square))
        return _given(flow, same, square, law, activation)
    if isinstance(law, Points) or flow.amplitudes is not None:
        points = as_points(law)
        return flow.weighed(slopes(activation, points.values), points.weights)
    return _crossed(flow, square, population)


def _given(flow: Flow, given: Given, square: float, law: Law, activation: Activation) -> Flow:
    """E[g² | x] = φ′(x)² E[g² | φ(x)], and its mean; at a point where φ bends φ′² is the mean of both sides."""
    bends = _bend_of(law, activation) if isinstance(law, Grid) else -1
    if isinstance(law, Grid) and bends >= 0 and activation.kind == "relu" and not activation.is_transformed:
        masses = law.masses[bends:]
        behind = given.on(0.0, law.step, len(masses)).copy()
        behind[0] *= 0.5
        steep = np.add.reduce(masses).item() - 0.5 * masses[0].item()
        mean = masses.dot(behind).item() * ratio(square, steep)
        squares = np.concatenate(([0.0], behind))
        known = Given(-law.step, law.step, squares)
        return Flow(mean, flow.across_pixels * ratio(mean, flow.square), given=known)
    points = as_points(law)
    slope = slopes(activation, points.values) ** 2
    if bends >= 0:
        slope[bends] = (slopes(activation, bend(activation) + np.array([-_AT, _AT])) ** 2).mean()
    behind = given.at(values(activation, points.values))
    steep = (points.weights @ slope).item()
    mean = (points.weights @ (slope * behind)).item() * ratio(square, steep)
    known = Given(law.start, law.step, slope * behind) if isinstance(law, Grid) else None
    return Flow(mean, flow.across_pixels * ratio(mean, flow.square), given=known)


def _bend_of(law: Grid, activation: Activation) -> int:
    """The number of the grid's point at which φ bends; −1 where none stands there."""
    place = (bend(activation) - law.start) / law.step
    found = round(place)
    return found if 0 <= found < len(law.masses) and abs(place - found) < _AT else -1


def _crossed(flow: Flow, square: float, population: Population) -> Flow:
    """E[φ′(x) φ′(y)] of two pixels lies between E[φ′]² and E[φ′²]: for relu and independent pixels it is half of it."""
    alike = max(0.0, min(1.0, ratio(population.kernel.across_pixels, population.kernel.second)))
    return Flow(flow.square * square, flow.across_pixels * square * (_HALF_WAY + (1 - _HALF_WAY) * alike))


def _kernel(population: Population, pairs: Correlations, reaction: Reaction) -> Kernel:
    """Products of pairs: exact for Gaussian ones; for others the linear part of φ, and the rest as the square."""
    before, square = population.kernel, population.mean**2
    mean, second = reaction.moments.mean, reaction.moments.second_moment
    variance, alone, behind = before.second - square, mean * mean, second - mean * mean
    linear = min(1.0, ratio(variance * reaction.slope**2, behind)) if behind > 0 else 1.0

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
        return alone + behind * (linear * c + (1 - linear) * c * c)

    pixels, images = of(before.across_pixels), of(before.across_images)
    both = pixels if before.across_both == before.across_pixels else of(before.across_both)
    return Kernel(second, pixels, images, both)


def _odd(signal: Signal, pairs: Correlations) -> Kernel | None:
    """Of (φ(x) − φ(−x)) / 2: ((1 + a) / 2) x for leaky relu, x / 2 for gelu and silu too; tanh is odd itself."""
    if signal.odd is None or pairs.activation.is_transformed:
        return None
    if pairs.is_homogeneous:
        return signal.odd.times(((1 + pairs.below) / 2) ** 2)
    return signal.odd.times(0.25) if pairs.activation.kind in ("gelu", "silu") else None


def _unevenness(profile: Array) -> float:
    """The deviation over pixels of the second moment, relative to its mean; 0 where it is too small to matter."""
    deviation = math.sqrt(max(0.0, (profile @ profile).item() ** 2 / len(profile) ** 2 - 1))
    return deviation if deviation > _EVEN else 0.0


def _tilted(profile: Array, signal: Signal, tilt: float) -> Array:
    """The gradient's profile times what φ′² is at each pixel, to first order in how large the signal is there."""
    return profile * np.maximum(1 + tilt * (signal.profile - 1), 0.0)


def _reaction(law: Law, activation: Activation, uneven: float) -> tuple[Reaction, float]:
    """φ of an element; of a Gaussian one whose variance differs over pixels, the mean of one deviation up and down.

    Also the slope of ln E[φ′²] along the variance, relative to its mean.
    """
    reaction = activated(law, activation)
    if not uneven or not isinstance(law, Gaussian):
        return reaction, 0.0
    less, more = max(1 - uneven, 0.0), 1 + uneven
    low = moments(activation, mean=law.mean, variance=law.variance * less)
    high = moments(activation, mean=law.mean, variance=law.variance * more)
    found = Moments(
        (low.mean + high.mean) / 2,
        (low.second_moment + high.second_moment) / 2,
        (low.slope_square + high.slope_square) / 2,
    )
    tilt = ratio(high.slope_square - low.slope_square, (more - less) * found.slope_square)
    return replace(reaction, moments=found), tilt


def _spread(signal: Signal, pairs: Correlations) -> tuple[float, float]:
    """The variance of ln second moment behind φ: 5/n in all for a ReLU layer whose images have become alike.

    n is the number of channels; what independent images bring averages out. φ passes on what was there before as its
    second moment follows that of its input, with the exponent that comes second. Where the input is levelled φ² varies
    by what neither x nor x² says of it: for relu by 3 − 8/π in place of 3.
    """
    population = signal.populations[0]
    second, base = population.kernel.second, signal.spread - signal.fresh
    if len(signal.populations) > 1 or not isinstance(population.law, Gaussian) or not 0 < second < math.inf:
        return signal.spread, 1.0
    if pairs.is_homogeneous:
        a = pairs.below
        excess, follows = 6 * (1 + a**4) / (1 + a * a) ** 2 - 3, 1.0
        if signal.levelled:
            excess -= 8 / math.pi * _uneven_sides(a)
    else:
        law, activation = population.law, pairs.activation
        points = as_points(law)
        y = values(activation, points.values) ** 2
        mean = (points.weights @ y).item()
        excess = (points.weights @ y**2).item() / mean**2 - 3
        grown = moments(activation, mean=law.mean, variance=(1 + _STEP) * law.variance).second_moment
        follows = (grown / mean - 1) / _STEP
        if signal.levelled:
            z = (points.values - law.mean) / math.sqrt(law.variance)
            excess += 2 - 2 * follows**2 - ((points.weights @ (y * z)).item() / mean) ** 2
    alike = max(0.0, min(1.0, ratio(population.kernel.across_images, second)))
    return max(0.0, base * follows**2 + signal.fresh + excess / signal.channels * alike**2), max(follows, 0.0)


def _gradient_spread(gradient: Gradient, signal: Signal, pairs: Correlations) -> tuple[float, float]:
    """What one layer adds to the variance of ln ‖g‖²: for images one by one, and for all of them together.

    (1 + κ)(1 + 2) − 1 over n: κ = E[φ′⁴]/E[φ′²]² − 1, 1 for relu, and a Gaussian gradient by the weights behind. Pixels
    average it out as far as they differ: of two pixels whose gradients have correlation a, and whose inputs ρ, it is
    (1 + κ 2/π arcsin ρ)(1 + 2a²) − 1. Images that are alike have the same φ′ and so a gradient through the same matrix.
    Of a levelled input about as many elements are above 0 as below: κ is (1 − 2/π) of what it is.
    """
    if not isinstance(signal.populations[0].law, Gaussian):
        return 0.0, 0.0  # behind a sum: elements that come by the shortcut are not mixed anew
    a = pairs.below if pairs.is_homogeneous else 1.0  # guessed: smooth φ as linear
    kappa = _uneven_sides(a) * (1 - 2 / math.pi if signal.levelled else 1.0)
    alike = min(1.0, max(0.0, max(ratio(flow.across_pixels, flow.square) for flow in gradient.flows)))
    kernel, pixels = signal.kernel, 1 / signal.num_pixels
    same_side = 2 / math.pi * math.asin(min(1.0, max(0.0, ratio(kernel.across_pixels, kernel.second))))
    of_pixels = (1 + kappa * same_side) * (1 + 2 * alike**2) - 1
    whole = (pixels * (3 * (1 + kappa) - 1) + (1 - pixels) * of_pixels) / signal.channels
    shared = min(1.0, max(0.0, ratio(kernel.across_images, kernel.second))) ** 2
    return whole * (1 - shared), whole * shared


def _uneven_sides(a: float) -> float:
    """E[φ′⁴]/E[φ′²]² − 1 of slopes 1 and a."""
    return ((1 - a * a) / (1 + a * a)) ** 2
