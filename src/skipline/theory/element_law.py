"""How one element of a signal is distributed: a Gaussian, or what activations and additions make of Gaussians."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from skipline.spec import Activation
from skipline.theory.activation import Array, bend, slopes, values
from skipline.theory.gaussian import Moments, moments, nodes, normal_cdf

_STEPS = (
    5.0  # grid points in a standard deviation of what is added: measured, the reflected walk to 1e-4 of its moments
)
_MOST_POINTS = 8192  # of a grid; beyond, what is added is below a thousandth of what is there
_SMOOTH = 0.03  # guessed: a sum whose variance is so far Gaussian is called Gaussian; its skewness is then 0.005
_TAIL = 1e-13  # mass that a grid may leave out at each end: rounding
_FEW = 100  # points to either side: with more a transform is quicker
_REACH = 7.5  # standard deviations of a Gaussian that a grid holds: 6e-14 lies outside
# Gregory's weights of a trapezoidal sum at its end, to the fourth order of the step (Hildebrand 1956, section 5.8)
_GREGORY = (3 / 8, 7 / 6, 23 / 24)


class Gaussian(NamedTuple):
    """N(mean, variance)."""

    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class Activated:
    """φ(x) of x ~ N(mean, variance): points are made of it only where somebody needs them."""

    activation: Activation
    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class Points:
    """The value `values[i]` with probability `weights[i]`.

    Laws that share the array `weights` are functions of one and the same random variable.
    """

    values: Array
    weights: Array


@dataclass(frozen=True, slots=True)
class Grid:
    """The value `start + i · step` with probability `masses[i]`; apart from an atom at 0 the law is smooth.

    `rough` is the part of its variance that is not of Gaussians added since the last activation; ∞ where nobody knows.
    """

    start: float
    step: float
    masses: Array
    rough: float = math.inf

    @property
    def values(self) -> Array:
        """The points of the grid."""
        return self.start + self.step * numbers(len(self.masses))

    @property
    def mean(self) -> float:
        """E[x]."""
        return self.start + self.step * (self.masses @ numbers(len(self.masses))).item()

    @property
    def variance(self) -> float:
        """E[x²] − E[x]²."""
        count = len(self.masses)
        place = (self.masses @ numbers(count)).item()
        return self.step**2 * ((self.masses @ _squares(count)).item() - place * place)


Law = Gaussian | Activated | Points | Grid


@dataclass(frozen=True, slots=True)
class Reaction:
    """What an activation makes of an element: moments of φ and φ′², the law behind, the share at or below the bend.

    `slope` is E[φ′], which is computed for laws that are not Gaussian; of those it is not asked and 0.
    """

    moments: Moments
    law: Law
    below: float
    slope: float


def activated(law: Law, activation: Activation) -> Reaction:
    """φ of an element with this law."""
    at = bend(activation)
    if isinstance(law, Gaussian):
        found = moments(activation, mean=law.mean, variance=law.variance)
        deviation = math.sqrt(law.variance)
        below = normal_cdf((at - law.mean) / deviation) if deviation > 0 else float(law.mean <= at)
        return Reaction(found, Activated(activation, law.mean, law.variance), below, 0.0)
    if isinstance(law, Grid):
        return _on_grid(law, activation)
    points = as_points(law)
    y = values(activation, points.values)
    slope = slopes(activation, points.values)
    found = _moments(y, slope**2, points.weights)
    below = points.weights[points.values <= at].sum().item()
    return Reaction(found, Points(y, points.weights), below, (points.weights @ slope).item())


def as_points(law: Law) -> Points:
    """The law as values and their probabilities."""
    match law:
        case Points():
            return law
        case Grid():
            return Points(law.values, law.masses)
        case Gaussian(mean, variance):
            if variance == 0 or math.isinf(variance):  # beyond doubles only the size is known
                return Points(np.array([mean if variance == 0 else math.inf]), np.ones(1))
            return Points(*nodes(mean, variance))
        case Activated(activation, mean, variance):
            inner = as_points(Gaussian(mean, variance))
            return Points(values(activation, inner.values), inner.weights)


def moved(law: Law, *, scale: float, shift: float = 0.0) -> Law:
    """The law of `scale · x + shift`."""
    if isinstance(law, Gaussian):
        return Gaussian(scale * law.mean + shift, scale * scale * law.variance)
    if scale == 1 and shift == 0:
        return law
    if isinstance(law, Grid) and scale > 0:
        return Grid(scale * law.start + shift, scale * law.step, law.masses)
    points = as_points(law)
    return Points(scale * points.values + shift, points.weights)


def added(law: Law, other: Law) -> Law:
    """The law of x + y: independent, or both functions of one variable.

    Exact for two Gaussians and for two functions of one variable; on a grid where one is Gaussian. Two others are
    taken for a Gaussian of their mean and variance.
    """
    if isinstance(law, Gaussian) and isinstance(other, Gaussian):
        return Gaussian(law.mean + other.mean, law.variance + other.variance)
    if isinstance(law, Points) and isinstance(other, Points) and law.weights is other.weights:
        return Points(law.values + other.values, law.weights)
    if isinstance(law, Gaussian):
        return _with_gaussian(other, law)
    if isinstance(other, Gaussian):
        return _with_gaussian(law, other)
    one, two = as_points(law), as_points(other)
    mean, more = (one.weights @ one.values).item(), (two.weights @ two.values).item()
    variance = (one.weights @ one.values**2).item() - mean**2 + (two.weights @ two.values**2).item() - more**2
    return Gaussian(mean + more, max(variance, 0.0))


def maximum(law: Law, count: float) -> Points:
    """The law of the largest of `count` independent elements."""
    points = as_points(law)
    order = np.argsort(points.values, kind="stable")
    shares = np.cumsum(points.weights[order])
    largest = np.clip(shares / shares[-1], 0.0, 1.0) ** count
    return Points(points.values[order], np.diff(largest, prepend=0.0))


def smoothed(function: Array, variance: float) -> Array:
    """A function on a grid, each value the mean over a Gaussian around it; `variance` in steps, the ends go on."""
    if variance < 1e-6:
        return function
    reach = math.ceil(_REACH * math.sqrt(variance)) + 1
    count = len(function)
    padded = np.empty(count + 2 * reach)
    padded[:reach], padded[reach : reach + count], padded[reach + count :] = function[0], function, function[-1]
    if variance > 1 and reach < _FEW:
        return np.convolve(padded, _density(variance, reach), "valid")
    return _filtered(padded, variance, 0.0)[reach : reach + count]


def numbers(count: int) -> Array:
    """0, 1, 2 … of them, a view of what is kept."""
    return _counted(1 << (count - 1).bit_length())[0][:count]


def moments_of(law: Law) -> tuple[float, float]:
    """E[x] and E[x²]."""
    if isinstance(law, Gaussian):
        return law.mean, law.mean**2 + law.variance
    if isinstance(law, Activated):
        found = moments(law.activation, mean=law.mean, variance=law.variance)
        return found.mean, found.second_moment
    points = as_points(law)
    return (points.weights @ points.values).item(), (points.weights @ points.values**2).item()


def _squares(count: int) -> Array:
    return _counted(1 << (count - 1).bit_length())[1][:count]


@cache
def _counted(size: int) -> tuple[Array, Array]:
    """0, 1, 2 … and their squares; for a few sizes, all powers of two."""
    counted = np.arange(size, dtype=np.float64)
    return counted, counted * counted


def _moments(y: Array, slope_squares: Array, weights: Array) -> Moments:
    return Moments((weights @ y).item(), (weights @ (y * y)).item(), (weights @ slope_squares).item())


def _on_grid(law: Grid, activation: Activation) -> Reaction:
    """φ on a grid with a point at the bend, each side summed with Gregory's weights at its end."""
    at = bend(activation)
    law = _with_point_at(law, at)
    place, count = round((at - law.start) / law.step), len(law.masses)
    weights = _with_ends(law.masses, place)
    if activation.kind == "relu" and not activation.is_transformed and 0 <= place < count:
        return _rectified(weights, place, law.step)
    edge = min(max(place, 0), count)
    half = weights[place].item() / 2 if 0 <= place < count else 0.0
    below = weights[:edge].sum().item() + half
    x = law.values
    y = values(activation, x)
    steep = slopes(activation, x)
    slope = steep**2
    if half:  # the point at the bend is half on either side
        sides = slopes(activation, np.array([at - law.step * 1e-6, at + law.step * 1e-6]))
        slope[place], steep[place] = (sides**2).mean(), sides.mean()
    found = _moments(y, slope, weights)
    mean_slope = (weights @ steep).item()
    if activation.kind != "relu" or activation.is_transformed:
        return Reaction(found, Points(y, weights), below, mean_slope)
    kept = weights[edge:].copy() if edge < count else np.zeros(1)
    kept[0] = below + half
    return Reaction(found, Grid(0.0, law.step, kept), below, mean_slope)


def _with_ends(masses: Array, place: int) -> Array:
    """The masses on both sides of the point at `place`, each with the weights of a sum that ends there; adding to 1."""
    weights = masses.copy()
    for distance, weight in enumerate(_GREGORY):
        for index in {place - distance, place + distance}:
            if 0 <= index < len(masses):
                weights[index] *= 2 * weight if distance == 0 else weight
    return np.divide(weights, np.add.reduce(weights), out=weights)


def _rectified(weights: Array, place: int, step: float) -> Reaction:
    """relu on a grid whose point at `place` is 0: what is below goes there."""
    half = weights[place].item() / 2
    below = np.add.reduce(weights[:place]).item() + half
    kept = weights[place:].copy()
    kept[0] = below + half
    count = len(kept)
    mean, second = step * (kept @ numbers(count)).item(), step * step * (kept @ _squares(count)).item()
    above = 1 - below
    return Reaction(Moments(mean, second, above), Grid(0.0, step, kept), below, above)


def _with_point_at(law: Grid, at: float) -> Grid:
    """The same law on a grid of which `at` is a point: its density moved by a part of a step, by its Fourier series."""
    offset = (at - law.start) / law.step
    part = offset - math.floor(offset)
    if min(part, 1 - part) < 1e-9:
        return law
    masses = _filtered(np.concatenate([np.zeros(8), law.masses, np.zeros(8)]), 0.0, -part)
    return Grid(law.start + (part - 8) * law.step, law.step, masses)


def _with_gaussian(law: Law, gaussian: Gaussian) -> Law:
    """Law of x + y, y Gaussian and independent of x."""
    if gaussian.variance == 0:  # as points, which know the variable that they are a function of
        return moved(as_points(law), scale=1.0, shift=gaussian.mean) if isinstance(law, Activated) else law
    deviation = math.sqrt(gaussian.variance)
    if isinstance(law, Grid):
        own, low, high = law.variance, law.start, law.start + law.step * (len(law.masses) - 1)
        rough = min(law.rough, own)
    else:
        points = as_points(law)
        mean = (points.weights @ points.values).item()
        rough = own = (points.weights @ points.values**2).item() - mean * mean
        low, high = points.values.min().item(), points.values.max().item()
    if rough < _SMOOTH * (own + gaussian.variance):
        mean, _ = moments_of(law)
        return Gaussian(mean + gaussian.mean, own + gaussian.variance)
    step = max(deviation / _STEPS, (high - low) / _MOST_POINTS)
    excess = 0.0
    if isinstance(law, Grid) and 0.6 < law.step / step < 1.3:  # guessed: near enough to leave the points where they are
        step, start, masses = law.step, law.start, law.masses
    else:
        start, masses, excess = _deposited(as_points(law), step, low, high)
    variance = max(gaussian.variance - excess, 0.0) / step**2
    reach = math.ceil(_REACH * math.sqrt(variance)) + 1
    if variance > 1:
        masses = np.convolve(masses, _density(variance, reach))
    else:  # narrower than the grid: three points of the same variance
        around = np.zeros(reach)
        masses = np.concatenate([around, masses, around])
        masses = masses * (1 - variance) + variance / 2 * (np.roll(masses, 1) + np.roll(masses, -1))
    return _trimmed(Grid(start - reach * step + gaussian.mean, step, masses, rough))


def _density(variance: float, reach: int) -> Array:
    """A Gaussian at −reach, …, reach: sampled once a step or closer its moments are its own to e^(−2π² variance)."""
    return np.exp(_distances(reach) / variance) / math.sqrt(2 * math.pi * variance)


@cache
def _distances(reach: int) -> Array:
    return -0.5 * np.arange(-reach, reach + 1, dtype=np.float64) ** 2


def _deposited(points: Points, step: float, low: float, high: float) -> tuple[float, Array, float]:
    """Points shared out between the two nearest of a grid that holds 0; what that adds to the variance comes last."""
    first = math.floor(low / step)
    place = points.values / step - first
    left = np.floor(place).astype(np.int64)
    part = place - left
    size = math.ceil(high / step) - first + 2
    masses = np.zeros(size)
    masses += np.bincount(left, points.weights * (1 - part), size)
    masses += np.bincount(left + 1, points.weights * part, size)
    return first * step, masses, (points.weights @ (part * (1 - part))).item() * step**2


def _filtered(masses: Array, variance: float, shift: float) -> Array:
    """Convolved with a Gaussian of this variance and moved by `shift`, both in steps."""
    size = _fast_length(len(masses))
    spectrum = np.fft.rfft(masses, size) * np.exp(variance * _exponents(size))
    if shift:
        spectrum = spectrum * np.exp(-1j * shift * _frequencies(size))
    return np.maximum(np.fft.irfft(spectrum, size)[: len(masses)], 0.0)


@cache
def _frequencies(size: int) -> Array:
    return 2 * math.pi * np.arange(size // 2 + 1) / size


@cache
def _exponents(size: int) -> Array:
    """ln of what a Gaussian of variance 1 multiplies each frequency by."""
    return -0.5 * _frequencies(size) ** 2


def _fast_length(size: int) -> int:
    """A length of at least `size` that is 2^k, 3 · 2^k or 5 · 2^k: quick to transform."""
    power = 1 << (size - 1).bit_length()
    return min(length for length in (power, power * 3 // 4, power * 5 // 8) if length >= size)


def _trimmed(law: Grid) -> Grid:
    """Without the ends that hold next to nothing, its masses adding to 1."""
    inside = law.masses > _TAIL
    first, beyond = inside.argmax().item(), len(inside) - inside[::-1].argmax().item()
    masses = law.masses[first:beyond]
    return Grid(law.start + first * law.step, law.step, masses / np.add.reduce(masses), law.rough)
