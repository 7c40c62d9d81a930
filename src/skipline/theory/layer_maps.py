"""What pools, filters, paddings, scales, dropouts and attention make of a signal, and how the gradient comes back."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from skipline.spec.layers import PadChannels, PadPixels, Pool
from skipline.theory.activation import Array
from skipline.theory.element_law import Gaussian, Points, as_points, maximum, moved
from skipline.theory.signal_state import (
    ZERO,
    Flow,
    Gradient,
    Kernel,
    Passed,
    Population,
    Signal,
    flat,
    gaussian_population,
    ratio,
    scaled,
)

APPROXIMATE = 3  # the place of "approximate" in `METHODS`
_BLUR = (3 / 8) ** 2  # Σ w² of the binomial filter: (1 + 4 + 1) / 16 along each side


def passed_scale(signal: Signal, factor: float) -> Passed:
    """`factor · x`."""
    odd = None if signal.odd is None else signal.odd.times(factor * factor)
    out = replace(signal, populations=tuple(scaled(p, factor) for p in signal.populations), odd=odd)

    def pull(gradient: Gradient) -> Gradient:
        return replace(gradient, flows=tuple(flow.before(factor) for flow in gradient.flows))

    return out, pull


def passed_shift(signal: Signal, by: float) -> Passed:
    """`x + by`."""
    if by == 0:
        return signal, _same
    populations = tuple(
        replace(
            p,
            mean=p.mean + by,
            kernel=p.kernel.shifted(2 * p.mean * by + by * by),
            zeros=0.0,
            law=moved(p.law, scale=1.0, shift=by),
        )
        for p in signal.populations
    )
    return replace(signal, populations=populations, odd=None), _same


def passed_padding(signal: Signal, layer: PadChannels) -> Passed:
    """New channels of zeros; where they stand among the others makes no difference to what mixes all channels."""
    new = gaussian_population(layer.before + layer.after, 0.0, ZERO)

    def pull(gradient: Gradient) -> Gradient:
        return replace(gradient, flows=gradient.flows[: len(signal.populations)])

    return replace(signal, populations=(*signal.populations, new), odd=None), pull


def passed_border(signal: Signal, layer: PadPixels) -> Passed:
    """Zeros around the image; laws of elements are of the image's."""
    side = layer.before + signal.side + layer.after
    profile = np.concatenate([np.zeros(layer.before), signal.profile, np.zeros(layer.after)])
    share = (signal.side / side) ** 2
    populations = tuple(
        replace(p, mean=p.mean * share, kernel=p.kernel.combined(share, share * share)) for p in signal.populations
    )
    out = replace(signal, side=side, profile=profile / profile.mean(), populations=populations)

    def pull(gradient: Gradient) -> Gradient:
        inside = gradient.profile[layer.before : layer.before + signal.side]
        mean = inside.mean().item()
        flows = tuple(Flow(f.square * mean**2, f.across_pixels * mean**4) for f in gradient.flows)
        return replace(gradient, side=signal.side, profile=inside / mean if mean else flat(signal.side), flows=flows)

    return out, pull


def passed_pool(signal: Signal, pool: Pool) -> Passed:
    """A maximum or a mean over windows."""
    room = signal.side + 2 * pool.padding - pool.kernel
    side = (-(-room // pool.stride) if pool.ceil else room // pool.stride) + 1
    if pool.kind == "average":
        count = pool.kernel**2
        return passed_filter(signal, side=side, squares=1 / count, count=count)
    return _passed_maximum(signal, side, window_count(pool, signal.side))


def passed_blur(signal: Signal, stride: int) -> Passed:
    """The binomial 3×3 filter; what mirrored borders add is not counted."""
    return passed_filter(signal, side=-(-signal.side // stride), squares=_BLUR, count=9)


def passed_filter(signal: Signal, *, side: int, squares: float, count: int) -> Passed:
    """A mean over windows of `count` pixels with weights of which the squares add up to `squares`.

    Exact in the mean where two pixels of a window are as alike as any two of the image. Elements behind it are taken
    for Gaussian.
    """
    populations = []
    for p in signal.populations:
        population = gaussian_population(p.channels, p.mean, _filtered(p.kernel, squares))
        populations.append(replace(population, zeros=p.zeros**count))
    covered = (side / signal.side) ** 2
    profile = _resized(signal.profile, side)
    odd = None if signal.odd is None else _filtered(signal.odd, squares)
    out = replace(signal, side=side, profile=profile, populations=tuple(populations), odd=odd)

    def pull(gradient: Gradient) -> Gradient:
        flows = []
        for flow in gradient.flows:
            own = covered * squares * (flow.square - flow.across_pixels)
            shared = max(covered * covered, covered * squares) * flow.across_pixels
            flows.append(Flow(own + shared, covered * covered * flow.across_pixels))
        back = _resized(gradient.profile, signal.side)
        return replace(gradient, side=signal.side, profile=back, flows=tuple(flows))

    return out, pull


def _filtered(kernel: Kernel, squares: float) -> Kernel:
    second = kernel.across_pixels + squares * (kernel.second - kernel.across_pixels)
    images = kernel.across_both + squares * (kernel.across_images - kernel.across_both)
    return Kernel(second, kernel.across_pixels, images, kernel.across_both)


def window_count(pool: Pool, side: int) -> float:
    """How many pixels of the image a window has, in the mean."""
    inside = np.arange(0, side + 2 * pool.padding - pool.kernel + 1, pool.stride)[:, None] + np.arange(pool.kernel)
    inside = inside - pool.padding
    return ((inside >= 0) & (inside < side)).sum(axis=1).mean().item() ** 2


def passed_dropout(signal: Signal, rate: float, *, approximate: bool) -> Passed:
    """Each element 0 with probability `rate`, else divided by 1 − rate."""
    keep = 1 - rate
    populations = []
    for p in signal.populations:
        kernel = p.kernel._replace(second=p.kernel.second / keep)
        zeros = rate + keep * p.zeros
        law = Gaussian(p.mean, max(kernel.second - p.mean**2, 0.0))
        if not isinstance(p.law, Gaussian):
            points = as_points(p.law)
            law = Points(np.append(points.values / keep, 0.0), np.append(points.weights * keep, rate))
        populations.append(replace(p, kernel=kernel, zeros=zeros, law=law))
    rank = max(signal.rank, APPROXIMATE if approximate else 1)
    out = replace(signal, populations=tuple(populations), odd=None, rank=rank)

    def pull(gradient: Gradient) -> Gradient:
        pairs = zip(gradient.flows, signal.populations, strict=True)
        return replace(gradient, flows=tuple(_before_dropout(flow, keep, p) for flow, p in pairs))

    return out, pull


def _before_dropout(flow: Flow, keep: float, population: Population) -> Flow:
    """Gradient comes to kept elements only: E[g² | x] is 1/keep times what it is by x/keep behind."""
    if flow.given is None:
        return Flow(flow.square / keep, flow.across_pixels)
    given = flow.given.before(1 / keep).times(keep)
    points = as_points(population.law)
    return Flow((points.weights @ given.at(points.values)).item(), flow.across_pixels, given=given)


def passed_drop(signal: Signal, rate: float, *, whole_batch: bool) -> Passed:
    """The whole tensor 0 with probability `rate`, for each image or for the batch; its mean over such draws."""
    more = 1 / (1 - rate)
    populations = []
    for p in signal.populations:
        k = p.kernel
        kernel = k.times(more) if whole_batch else Kernel(k.second * more, k.across_pixels * more, *_two_images(k))
        law = Gaussian(p.mean, max(kernel.second - p.mean**2, 0.0))
        zeros = p.zeros if whole_batch else rate + (1 - rate) * p.zeros
        populations.append(replace(p, kernel=kernel, law=law, zeros=zeros))
    out = replace(signal, populations=tuple(populations), odd=None, rank=max(signal.rank, 1))

    def pull(gradient: Gradient) -> Gradient:
        return replace(gradient, flows=tuple(Flow(f.square * more, f.across_pixels * more) for f in gradient.flows))

    return out, pull


def passed_factor(signal: Signal, *, square: float, mean: float) -> Passed:
    """x times a random factor of its own in each channel and image, with these moments: attention and gates.

    What the factor itself owes to x is not counted.
    """
    populations = []
    for p in signal.populations:
        k = p.kernel
        kernel = Kernel(k.second * square, k.across_pixels * square, k.across_images * square, k.across_both * square)
        law = moved(p.law, scale=math.sqrt(square))
        populations.append(replace(p, mean=p.mean * mean, kernel=kernel, law=law))
    out = replace(signal, populations=tuple(populations), odd=None, rank=APPROXIMATE)

    def pull(gradient: Gradient) -> Gradient:
        return replace(gradient, flows=tuple(Flow(f.square * square, f.across_pixels * square) for f in gradient.flows))

    return out, pull


def _passed_maximum(signal: Signal, side: int, count: float) -> Passed:
    """The largest of `count` pixels, as independent as two pixels of the image are; each gradient goes to one pixel."""
    populations = []
    for p in signal.populations:
        variance = p.kernel.second - p.mean**2
        alike = max(0.0, min(1.0, ratio(p.kernel.across_pixels - p.mean**2, variance)))
        independent = count ** (1 - alike)
        law = maximum(p.law, independent)
        mean = (law.weights @ law.values).item()
        second = (law.weights @ law.values**2).item()
        populations.append(_behind_maximum(p, law, mean, second, p.zeros**independent))
    rank = APPROXIMATE
    out = replace(signal, side=side, profile=flat(side), populations=tuple(populations), odd=None, rank=rank)

    def pull(gradient: Gradient) -> Gradient:
        share = side / signal.side
        flows = tuple(Flow(f.square * share**2, f.across_pixels * share**4) for f in gradient.flows)
        return replace(gradient, side=signal.side, profile=flat(signal.side), flows=flows)

    return out, pull


def _behind_maximum(p: Population, law: Points, mean: float, second: float, zeros: float) -> Population:
    variance = p.kernel.second - p.mean**2

    def of(whole: float) -> float:
        return mean * mean + ratio(whole - p.mean**2, variance) * (second - mean * mean)

    k = p.kernel
    kernel = Kernel(second, of(k.across_pixels), of(k.across_images), of(k.across_both))
    return Population(p.channels, mean, kernel, zeros, law)


def _two_images(kernel: Kernel) -> tuple[float, float]:
    return kernel.across_images, kernel.across_both


def _resized(profile: Array, side: int) -> Array:
    """The profile over another number of pixels."""
    if side == len(profile):
        return profile
    places = (np.arange(side) + 0.5) * len(profile) / side - 0.5
    found = np.interp(places, np.arange(len(profile)), profile)
    return found / found.mean()


def _same(gradient: Gradient) -> Gradient:
    return gradient
