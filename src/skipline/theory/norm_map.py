"""What a norm makes of a signal, and how the gradient comes back through it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from skipline.spec.layers import Normalise
from skipline.theory.activation import Array
from skipline.theory.border import border_of
from skipline.theory.element_law import Gaussian, Law, moments_of, moved
from skipline.theory.signal_state import (
    Flow,
    Gradient,
    Kernel,
    Passed,
    Population,
    Signal,
    gaussian_population,
    mean_of,
    ratio,
)
from skipline.theory.start import WeightLaw

Moves = tuple[tuple[float, float], ...]
"""Of each population the scale and the mean that a norm applied: scale (x − mean)."""


def passed_norm(signal: Signal, layer: Normalise, gamma: WeightLaw, beta: WeightLaw, *, num_images: int) -> Passed:
    """`γ (x − μ) / √(σ² + ε) + β`, over each channel of the batch, or over each group's channels of an image.

    Exact in the mean, with one σ² for each population, or for all: those of single channels differ by about 1/√(number
    of independent values). The gradient also loses its components along 1 and x; of many images those are a small part,
    and they are not counted. Groups of one image are small: see `_Group`.
    """
    norm = layer.norm
    is_group = norm.kind != "batch"
    size = layer.channels // norm.groups
    populations, factors = [], []
    for population in signal.populations:
        if is_group:
            centred = _over_group(population, signal, size)
        else:
            centred = _over_batch(population, signal, num_images)
        factor = gamma.scale**2 / (centred.variance + norm.epsilon)
        populations.append(_normalised(population, centred, factor, beta, gamma.scale**2))
        factors.append(factor)
    merged = tuple(populations)
    if not is_group and all(isinstance(p.law, Gaussian) for p in merged):
        merged = (_merged(merged),)
    odd = merged[0].kernel if signal.odd == signal.populations[0].kernel and len(merged) == 1 else None
    profile = signal.profile if is_group else _centred_profile(signal, num_images)
    out = Signal(signal.side, profile, merged, odd=odd, rank=max(signal.rank, 1), levelled=is_group)
    moves = tuple([(math.sqrt(factor), p.mean) for factor, p in zip(factors, signal.populations, strict=True)])
    if is_group:
        return out, partial(_through_groups, moves, _group_of(signal, size))
    return out, partial(_through_batch, moves, 1 + _unequal(out))


def _through_batch(moves: Moves, more: float, gradient: Gradient) -> Gradient:
    flows = zip(_one_each(gradient, moves), moves, strict=True)
    back = tuple([flow.before(scale, shift=-scale * mean, factor=more) for flow, (scale, mean) in flows])
    return Gradient(gradient.side, gradient.profile, back, gradient.spread, gradient.common)


def _through_groups(moves: Moves, group: _Group, gradient: Gradient) -> Gradient:
    flows = zip(_one_each(gradient, moves), moves, strict=True)
    back = tuple([flow.before(scale, shift=-scale * mean, factor=group.kept(flow)) for flow, (scale, mean) in flows])
    spread, common = gradient.spread + group.own, gradient.common + group.common
    return Gradient(gradient.side, gradient.profile, back, spread, common)


def _one_each(gradient: Gradient, moves: Moves) -> tuple[Flow, ...]:
    return gradient.flows if len(gradient.flows) == len(moves) else gradient.flows * len(moves)


@dataclass(frozen=True, slots=True)
class _Group:
    """What the groups of one image do to a gradient: σ² of `size` channels is random, and their mean is not little.

    `varies` is v, the variance of ln σ² from group to group: 2/size by the weights before it, as far as pixels that
    are `alike` do not average it out, and what the signal's length brought along. `E[1/σ²] E[σ²] = e^v`, of which
    ‖g‖² gets the spread `own` image by image and `common` in all of them: the lottery that a norm takes from the signal
    it hands to the gradient. Derived for Gaussian elements, to first order in 1/size.
    """

    size: int
    pixels: float  # 1 over their number
    alike: float
    varies: float
    own: float
    common: float

    def kept(self, flow: Flow) -> float:
        """`e^v`, less the parts of ‖g‖² along 1 and along x: one of `size` directions each where pixels are alike."""
        same = max(0.0, min(1.0, ratio(flow.across_pixels, flow.square)))
        lost = (2 * self.pixels + (1 - self.pixels) * same * (1 + self.alike)) / self.size
        return math.exp(self.varies) * max(0.0, 1 - lost)


def _group_of(signal: Signal, size: int) -> _Group:
    kernel, square, pixels = signal.kernel, signal.mean**2, 1 / signal.num_pixels
    variance = kernel.second - square
    alike = max(0.0, min(1.0, ratio(kernel.across_pixels - square, variance)))
    shared = max(0.0, min(1.0, ratio(kernel.across_images - square, variance)))
    seen = 2 * (pixels + (1 - pixels) * alike**2)
    before = max(0.0, signal.spread - signal.fresh)
    fresh = seen / signal.channels
    return _Group(
        size=size,
        pixels=pixels,
        alike=alike,
        varies=seen / size + before,
        own=fresh * (1 - shared**2),
        common=fresh * shared**2 + before,
    )


def _centred_profile(signal: Signal, num_images: int) -> Array:
    """Along a side, of a signal less the mean of each channel.

    With the mean of a channel at pixel (i, j) proportional to √profile: `second · profile − m (2 root − 1)`, m being
    the squared mean and root √profile over its mean.
    """
    second, square = signal.kernel.second, signal.channel_mean_square(num_images)
    if not 0 < second - square < math.inf:
        return signal.profile
    root = np.sqrt(signal.profile)
    profile = signal.profile * (second / (second - square))
    profile += square / (second - square)
    profile -= root * (2 * square / (second - square) / mean_of(root))
    if profile[0] > 0 and profile[-1] > 0:  # falling towards the ends; its mean is 1 as it stands
        return profile
    profile = np.maximum(profile, 0.0)
    return profile / mean_of(profile)


def _unequal(normalised: Signal) -> float:
    """E[1/σ²] E[σ²] − 1 over channels, from what all images have in common: the pattern that the border makes.

    σ² of a channel is a form in its weights; its relative variance is twice the mean square over pairs of pixels of
    what they share: of what one pixel has in common in two images, squared, the part that `Border.sharing` says.
    """
    kernel = normalised.kernel
    shared = ratio(kernel.across_images, kernel.second)
    return min(1.0, 2 * max(0.0, shared) ** 2 * border_of(normalised.side).sharing)


def _of_unequal(centred: Kernel, side: int) -> float:
    """What of the border's pattern is left where each channel is divided by its own σ², larger where the pattern is.

    To second order in the pattern's share s of σ², which differs between channels: 1 − 2 sharing s (1 − s).
    """
    share = max(0.0, min(1.0, ratio(centred.across_images, centred.second)))
    return 1 - 2 * border_of(side).sharing * share * (1 - share)


@dataclass(frozen=True, slots=True)
class _Centred:
    """A population less its mean, before it is divided: its kernel, the σ² that it is divided by, what mean is left."""

    kernel: Kernel
    variance: float
    mean: float


def _over_batch(population: Population, signal: Signal, num_images: int) -> _Centred:
    square = population.channel_mean_square(signal.num_pixels, num_images)
    k = population.kernel.shifted(-square)
    less = _of_unequal(k, signal.side)
    kernel = Kernel(k.second, k.across_pixels, k.across_images * less, k.across_both * less)
    return _Centred(kernel, max(kernel.second, 0.0), 0.0)


def _over_group(population: Population, signal: Signal, size: int) -> _Centred:
    """Two elements of a group are of one channel once in `size` times; of two channels their product has mean μ²."""
    whole, mean, pixels = signal.kernel, signal.mean, 1 / signal.num_pixels
    image = whole.second * pixels + whole.across_pixels * (1 - pixels) - mean**2
    images = whole.across_images * pixels + whole.across_both * (1 - pixels) - mean**2
    of_image, of_images = mean**2 + image / size, mean**2 + images / size
    variance = max(whole.second - of_image, 0.0)
    k, moved_by = population.kernel, 2 * mean**2 - 2 * population.mean * mean
    kernel = Kernel(
        k.second + moved_by - of_image,
        k.across_pixels + moved_by - of_image,
        k.across_images + moved_by - of_images,
        k.across_both + moved_by - of_images,
    )
    return _Centred(kernel, variance, population.mean - mean)


def _normalised(
    population: Population, centred: _Centred, factor: float, beta: WeightLaw, gamma_square: float
) -> Population:
    shift = beta.scale if beta.kind == "constant" else 0.0
    if not gamma_square:
        kernel = Kernel(0.0, 0.0, 0.0, 0.0)
    elif math.isfinite(centred.kernel.second):
        kernel = centred.kernel.times(factor)
    else:
        kernel = Kernel(gamma_square, 0.0, 0.0, 0.0)  # of numbers beyond doubles only this is known
    if kernel.second < 0:
        kernel = kernel._replace(second=0.0)
    mean = centred.mean * math.sqrt(factor)
    if beta.scale:
        kernel = kernel.shifted(beta.scale**2 + 2 * mean * shift)
        mean += shift
    law = _rescaled(population.law, mean, max(kernel.second - mean * mean, 0.0))
    return Population(population.channels, mean, kernel, float(kernel.second == 0), law)


def _rescaled(law: Law, mean: float, variance: float) -> Law:
    """The law moved to this mean and variance; its shape stays."""
    if isinstance(law, Gaussian):
        return Gaussian(mean, variance)
    old, second = moments_of(law)
    if second <= old * old or variance == 0:
        return Gaussian(mean, variance)
    scale = math.sqrt(variance / (second - old * old))
    return moved(law, scale=scale, shift=mean - scale * old)


def _merged(populations: tuple[Population, ...]) -> Population:
    """Gaussian channels, all of mean β and variance γ², as one population."""
    first = populations[0]
    if len(populations) == 1:
        return first
    channels = sum(p.channels for p in populations)
    total = Kernel(0.0, 0.0, 0.0, 0.0)
    for p in populations:
        total = total.plus(p.kernel.times(p.channels / channels))
    merged = gaussian_population(channels, first.mean, total)
    return replace(merged, zeros=sum(p.zeros * p.channels for p in populations) / channels)
