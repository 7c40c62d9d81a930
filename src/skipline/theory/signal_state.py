"""The state of a signal on its way through a network, and of the gradient on its way back.

What there are tens of in every block is a named tuple, which is made in half the time of a frozen dataclass; and what
a pull needs is held by a `partial`: the garbage collector follows every cell of a closure, of a thousand blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np

from skipline.theory.activation import Array
from skipline.theory.element_law import Gaussian, Law, as_points, moved, numbers

_ALIGNED = 1e-9  # of a step: rounding


class Kernel(NamedTuple):
    """Means of products of two elements of one channel, over the channels of a population.

    `second`: of an element with itself; `across_pixels`: two pixels of one image; `across_images`: one pixel of two
    images; `across_both`: two pixels of two images.
    """

    second: float
    across_pixels: float
    across_images: float
    across_both: float

    def times(self, factor: float) -> Kernel:
        """Every product times `factor`."""
        return self.combined(factor, factor)

    def combined(self, same: float, different: float) -> Kernel:
        """Products of one pixel times `same`, of two pixels times `different`."""
        one, two = (self.second, self.across_images) if same else (0.0, 0.0)  # 0 also of what is infinite
        apart, both = (self.across_pixels, self.across_both) if different else (0.0, 0.0)
        return Kernel(one * same, apart * different, two * same, both * different)

    def plus(self, other: Kernel) -> Kernel:
        """Of the sum of two signals that do not depend on each other."""
        return Kernel(
            self.second + other.second,
            self.across_pixels + other.across_pixels,
            self.across_images + other.across_images,
            self.across_both + other.across_both,
        )

    def shifted(self, by: float) -> Kernel:
        """Every product plus `by`."""
        return Kernel(self.second + by, self.across_pixels + by, self.across_images + by, self.across_both + by)


ZERO = Kernel(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Population:
    """Channels that are alike: how many, their mean over everything, kernel, share of zeros, law of an element."""

    channels: int
    mean: float
    kernel: Kernel
    zeros: float
    law: Law

    def channel_mean_square(self, num_pixels: int, num_images: int) -> float:
        """The mean over channels of the squared mean over images and pixels: of all pairs of both."""
        k, images, pixels = self.kernel, 1 / num_images, 1 / num_pixels
        one = k.second * pixels + k.across_pixels * (1 - pixels)
        two = k.across_images * pixels + k.across_both * (1 - pixels)
        return one * images + two * (1 - images)


@dataclass(frozen=True, slots=True)
class Signal:
    """A tensor (N, C, side, side).

    `profile` holds the second moment along a side, relative to its mean: that at pixel (i, j) is second ·
    profile[i] · profile[j]. `spread` is the variance over draws of the weights of the logarithm of the second moment,
    and `fresh` the part of it that the last convolution brought. Of channels in pairs x, −x `odd` is the kernel of
    (φ(x) − φ(−x)) / 2 for whatever φ came since; None where channels are not in pairs. `rank` is the place in
    `METHODS` of the least exact law so far. `levelled` says that in each group of an image elements add up to 0 and
    their squares to their number: right behind a norm over groups.
    """

    side: int
    profile: Array
    populations: tuple[Population, ...]
    spread: float = 0.0
    fresh: float = 0.0
    odd: Kernel | None = None
    rank: int = 0
    levelled: bool = False

    @property
    def channels(self) -> int:
        """C."""
        if len(self.populations) == 1:
            return self.populations[0].channels
        return sum(population.channels for population in self.populations)

    @property
    def num_pixels(self) -> int:
        """side²."""
        return self.side * self.side

    @property
    def kernel(self) -> Kernel:
        """The mean over all channels."""
        if len(self.populations) == 1:
            return self.populations[0].kernel
        total = ZERO
        for population in self.populations:
            total = total.plus(population.kernel.times(population.channels / self.channels))
        return total

    @property
    def mean(self) -> float:
        """The mean over everything."""
        if len(self.populations) == 1:
            return self.populations[0].mean
        return sum(p.mean * p.channels for p in self.populations) / self.channels

    @property
    def zeros(self) -> float:
        """The share of exact zeros."""
        if len(self.populations) == 1:
            return self.populations[0].zeros
        return sum(p.zeros * p.channels for p in self.populations) / self.channels

    def channel_mean_square(self, num_images: int) -> float:
        """The mean over all channels, see `Population`."""
        if len(self.populations) == 1:
            return self.populations[0].channel_mean_square(self.side * self.side, num_images)
        parts = (p.channel_mean_square(self.num_pixels, num_images) * p.channels for p in self.populations)
        return sum(parts) / self.channels


@dataclass(frozen=True, slots=True)
class Given:
    """E[g² | x]: the mean square of the gradient by an element that is `start + i · step`; beyond, as at the ends."""

    start: float
    step: float
    squares: Array

    def at(self, x: Array) -> Array:
        """Between the points linearly."""
        return np.interp(x, self.start + self.step * numbers(len(self.squares)), self.squares)

    def on(self, start: float, step: float, count: int) -> Array:
        """`at` of `count` points from `start` on; of points of its own as they stand."""
        place = (start - self.start) / self.step
        first = round(place)
        if abs(step - self.step) > _ALIGNED * step or abs(place - first) > _ALIGNED * max(count, abs(place)):
            return self.at(start + step * numbers(count))
        beyond = first + count - len(self.squares)
        if first >= 0 and beyond <= 0:
            return self.squares[first : first + count]
        low, high = max(min(-first, count), 0), max(min(beyond, count), 0)
        found = np.empty(count)
        found[:low], found[count - high :] = self.squares[0], self.squares[-1]
        found[low : count - high] = self.squares[first + low : first + count - high]
        return found

    def before(self, scale: float, shift: float = 0.0) -> Given:
        """By x where this is by `scale · x + shift`, with scale > 0."""
        return Given((self.start - shift) / scale, self.step / scale, self.squares * (scale * scale))

    def times(self, factor: float) -> Given:
        """The mean squares times `factor`."""
        return Given(self.start, self.step, self.squares * factor)

    def plus(self, square: float) -> Given:
        """With another gradient that does not depend on x."""
        return Given(self.start, self.step, self.squares + square)


class Flow(NamedTuple):
    """The gradient in one population: `square` is the mean of its squared elements, `across_pixels` that of products
    of two pixels of an image; `amplitudes` its size at each value of the population's law, which have the probabilities
    `weights`, where that is known: where elements do not mix, a gradient knows which element it is of. `given` is its
    mean square for each value of an element, where it depends on that: an element of a stack of identities that is
    large now will be above 0 further on, and gets more gradient.
    """

    square: float
    across_pixels: float
    amplitudes: Array | None = None
    weights: Array | None = None
    given: Given | None = None

    def before(self, scale: float, *, shift: float = 0.0, factor: float = 1.0) -> Flow:
        """The gradient by x where this is by `scale · x + shift`, its square times `factor`."""
        square = scale * scale * factor
        if self.amplitudes is None and self.given is None:
            return Flow(_times(self.square, square), _times(self.across_pixels, square))
        amplitudes = None if self.amplitudes is None else math.sqrt(factor) * scale * self.amplitudes
        given = self.given.before(scale, shift).times(factor) if self.given is not None and scale > 0 else None
        across = _times(self.across_pixels, square)
        return Flow(_times(self.square, square), across, amplitudes, self.weights, given)

    def weighed(self, by: Array, weights: Array) -> Flow:
        """The gradient times `by` at each value of the law, whose probabilities are `weights`."""
        known = self.amplitudes is not None and len(self.amplitudes) == len(weights)
        before = self.amplitudes if known else np.full(len(weights), math.sqrt(self.square))
        assert before is not None
        return flow_of(before * by, weights, like=self)


NO_FLOW = Flow(0.0, 0.0)


def flow_of(amplitudes: Array, weights: Array, *, like: Flow) -> Flow:
    """The flow of these amplitudes, its pixels as alike as those of another."""
    square = (weights @ (amplitudes * amplitudes)).item()
    return Flow(square, like.across_pixels * ratio(square, like.square), amplitudes, weights)


@dataclass(frozen=True, slots=True)
class Gradient:
    """The gradient of the objective by one `Signal`: a flow for each of its populations; the rest as there.

    `spread` is what images have one by one, `common` what all of a batch have together.
    """

    side: int
    profile: Array
    flows: tuple[Flow, ...]
    spread: float = 0.0
    common: float = 0.0


Pull = Callable[[Gradient], Gradient]
"""From the gradient behind a layer to the one before it."""

Passed = tuple[Signal, Pull]
"""What a layer makes of a signal, and how the gradient comes back through it."""


def pinned(signal: Signal) -> Signal:
    """The same, each population's law as values of a variable that all that is made of it element by element shares."""
    return replace(signal, populations=tuple(replace(p, law=as_points(p.law)) for p in signal.populations))


def mean_of(values: Array) -> float:
    """The mean of a profile; in a third of the time of `ndarray.mean`, which a short one costs most."""
    return values.dot(flat(len(values))).item() / len(values)


@cache
def flat(side: int) -> Array:
    """The profile of a signal that is the same at each pixel."""
    return np.ones(side)


def gaussian_population(channels: int, mean: float, kernel: Kernel) -> Population:
    """Channels of Gaussian elements."""
    variance = max(kernel.second - mean * mean, 0.0)
    return Population(channels, mean, kernel, float(kernel.second == 0), Gaussian(mean, variance))


def scaled(population: Population, factor: float) -> Population:
    """`factor · x`."""
    return replace(
        population,
        mean=_times(population.mean, factor),
        kernel=population.kernel.times(factor * factor),
        zeros=population.zeros if factor else 1.0,
        law=moved(population.law, scale=factor),
    )


def norm_square(gradient: Gradient, signal: Signal) -> float:
    """‖g‖² for one image."""
    if len(gradient.flows) == 1:
        return _times(gradient.flows[0].square, signal.channels * signal.num_pixels)
    flows = zip(gradient.flows, signal.populations, strict=True)
    return sum(_times(flow.square, p.channels * signal.num_pixels) for flow, p in flows)


def _times(x: float, factor: float) -> float:
    """Their product; 0 where the factor is, also of what is infinite."""
    return x * factor if factor else 0.0


def ratio(part: float, whole: float) -> float:
    """part / whole; 0 of nothing, 1 where both are infinite."""
    if whole == 0:
        return 0.0
    return 1.0 if math.isinf(whole) else part / whole
