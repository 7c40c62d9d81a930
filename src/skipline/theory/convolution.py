"""What a convolution does to the size of a signal and of its gradient: weights, and taps that fall off the image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from skipline.spec.layers import Conv, Linear
from skipline.theory.activation import Array
from skipline.theory.addition import mixed
from skipline.theory.border import border_of
from skipline.theory.signal_state import (
    NO_FLOW,
    ZERO,
    Flow,
    Gradient,
    Kernel,
    Passed,
    Population,
    Signal,
    flat,
    gaussian_population,
    mean_of,
    ratio,
    scaled,
)
from skipline.theory.start import WeightLaw


@dataclass(frozen=True, slots=True)
class Taps:
    """Which pixels along a side a convolution reads; what falls off the image is not among them.

    `reads` (outputs, pixels) counts the taps of an output that are on a pixel, `inside` (kernel, outputs) and `ends`
    (kernel, pixels) say of each tap at which outputs it is on the image, and on which pixels.
    """

    reads: Array
    inside: Array
    ends: Array

    @property
    def num_outputs(self) -> int:
        """Along the side."""
        return len(self.reads)


@dataclass(frozen=True, slots=True)
class Weights:
    """One weight tensor: the variance of an entry (of the centre tap, if `centred`) over all entries and draws.

    `randomness` is n times the variance of |Wx|² / E|Wx|² over draws, n the outputs: 2 for independent weights, 0 for
    orthogonal ones. `offset` is their mean where they are constant; `removes_mean` says that weights add up to 0,
    `makes_pairs` that output channels come as x, −x.
    """

    variance: float
    centred: bool
    randomness: float
    offset: float = 0.0
    removes_mean: bool = False
    makes_pairs: bool = False


def weights_of(layer: Conv | Linear, law: WeightLaw, *, gain: WeightLaw, paired: bool) -> Weights:
    """The weights of `layer` where its tensor starts by `law`; `gain` is the law of what multiplies scaled weights.

    `paired` says whether its input's channels are pairs x, −x, which decides the form of a looks-linear tensor.
    """
    rows, taps, columns = _shape(layer)
    fan_in = columns * taps
    if isinstance(layer, Conv) and layer.weights.kind != "free":
        return _standardised(layer, law, gain, fan_in)
    match law.kind:
        case "constant":
            return Weights(0.0, centred=False, randomness=0.0, offset=law.scale)
        case "independent":
            return Weights(law.scale**2, centred=False, randomness=2.0)
        case "orthogonal" | "delta_orthogonal":
            read = fan_in if law.kind == "orthogonal" else columns
            variance = law.scale**2 * min(rows, read) / (rows * read)
            kept = min(rows, read) / read  # a projection's norm varies by 2 (1 − kept) / n
            return Weights(variance, centred=law.kind != "orthogonal", randomness=2 * (1 - kept))
        case "identity":
            variance = law.scale**2 * min(rows, columns) / (rows * columns)
            return Weights(variance, centred=True, randomness=0.0)
        case "looks_linear":
            half = columns // 2 if paired else columns
            out = rows if isinstance(layer, Linear) else rows // 2
            blocks = (2 if paired else 1) * (1 if isinstance(layer, Linear) else 2)
            variance = law.scale**2 * blocks * min(out, half) / (rows * columns)
            return Weights(variance, centred=True, randomness=0.0, makes_pairs=True)


def convolved(signal: Signal, conv: Conv, weights: Weights, *, bias: WeightLaw, bordered: bool) -> Passed:
    """`W ∗ x + b` with weights that do not depend on x, so that its elements are Gaussian; zeros around the image.

    Exact in the mean over weights for a second moment that is a product of two profiles; products of two pixels are
    taken to fall off towards the border as the square root of the second moment does. `bordered` says that what images
    share at a pixel comes from the border, and not from images that are alike.

    b is one number a channel, for all images and pixels: it adds its square to every product (σ_b² of equation 3 of
    arXiv 1611.01232), it is as large at the border as elsewhere, and it does not shrink where the signal does. Of the
    logarithm's spread over draws the weights' share is left, own² of it; (Wx + b)² adds
    `(r c² own² + 4 c own (1 − own) + 2 (1 − own)²) / n` for images of correlation c, r the weights' `randomness`,
    biases being taken for Gaussian (of uniform ones the last number is 0.8).
    """
    kernel = 1 if weights.centred else conv.kernel
    taps = taps_of(kernel, conv.stride, conv.dilation if kernel > 1 else 1, signal.side)
    same, profile = _spread_over(signal.profile, taps)
    different = _pairs(signal.profile, taps, same) if kernel > 1 else 1.0
    reads = conv.in_channels // conv.groups
    x = signal.kernel
    mean = signal.mean if weights.offset or weights.removes_mean else 0.0
    if weights.removes_mean:
        x = x.shifted(-mean * mean)
    y = x.combined(weights.variance * reads * same * same, weights.variance * reads * different)
    if kernel == 3 and bordered:
        y = _patterned(x, y, weights.variance * reads, signal.side, (same * same, different))
    if signal.odd is not None and weights.makes_pairs:
        y = _looking_linear(y, signal.odd)
    mean_out = 0.0
    if weights.offset:  # all equal: one number for all channels
        count = reads * kernel * kernel
        level = (count * mean) ** 2 * weights.offset**2
        y = y.plus(x.shifted(-mean * mean).times(count * weights.offset**2)).shifted(level)
        mean_out = count * mean * weights.offset
    weighed = y.second
    y, mean_out = _biased(y, mean_out, bias)
    own = weighed / y.second if y.second > weighed else 1.0
    alike = max(0.0, min(1.0, ratio(x.across_images, x.second))) * own
    fresh = (weights.randomness * alike**2 + 4 * alike * (1 - own) + 2 * (1 - own) ** 2) / conv.out_channels
    out = Signal(
        taps.num_outputs,
        mixed(profile, flat(taps.num_outputs), (weighed, y.second - weighed)) if own < 1 else profile,
        (gaussian_population(conv.out_channels, mean_out, y),),
        spread=signal.spread * own * own + fresh,
        fresh=fresh,
        odd=y if weights.makes_pairs else None,
        rank=max(signal.rank, 1),
    )
    factor = (weights.variance + weights.offset**2) * (conv.out_channels // conv.groups)
    return out, partial(_pulled, signal.side, len(signal.populations), taps, factor)


def carried(signal: Signal, conv: Conv, alpha: float) -> Passed:
    """The convolution by αI: channels go on as they are, new ones are 0, surplus ones end here."""
    taps = taps_of(1, conv.stride, 1, signal.side)
    same, profile = _spread_over(signal.profile, taps)
    kept: list[Population] = []
    room = conv.out_channels
    for population in signal.populations:
        if room:
            count = min(room, population.channels)
            kernel = population.kernel.times(same * same)
            kept.append(scaled(replace(population, channels=count, kernel=kernel), alpha))
            room -= count
    populations = kept + ([gaussian_population(room, 0.0, ZERO)] if room else [])
    odd = None if signal.odd is None else signal.odd.times(alpha * alpha)
    out = replace(signal, side=taps.num_outputs, profile=profile, populations=tuple(populations), fresh=0.0, odd=odd)

    def pull(gradient: Gradient) -> Gradient:
        profile, mean, different = _returned(gradient, signal.side, taps)
        flows = []
        for index, population in enumerate(signal.populations):
            share = out.populations[index].channels / population.channels if index < len(kept) else 0.0
            flow = _over_taps(gradient.flows[index], mean, different) if share else NO_FLOW
            flows.append(flow.before(alpha, factor=share) if share else NO_FLOW)
        return Gradient(signal.side, profile, tuple(flows), gradient.spread, gradient.common)

    return out, pull


@cache
def taps_of(kernel: int, stride: int, dilation: int, side: int) -> Taps:
    """Those of a convolution padded to keep `side` pixels, ⌈side / stride⌉ of which it puts out."""
    places = np.arange(0, side, stride) + dilation * np.arange(kernel)[:, None] - dilation * (kernel - 1) // 2
    hits = (places[:, :, None] == np.arange(side)).astype(np.float64)  # (kernel, outputs, pixels)
    return Taps(hits.sum(axis=0), hits.sum(axis=2), hits.sum(axis=1))


def _spread_over(profile: Array, taps: Taps) -> tuple[float, Array]:
    """The mean along a side of the sums over taps, and those sums relative to it."""
    sums = taps.reads.dot(profile)
    mean = mean_of(sums)
    return mean, sums / mean if mean else np.ones_like(sums)


def _pairs(profile: Array, taps: Taps, same: float) -> float:
    """The factor of products of two pixels, if they fall off towards the border as √profile in each direction does."""
    roots = np.sqrt(profile)
    count, pixels_before = taps.num_outputs, len(profile) ** 2
    sums = taps.ends.dot(roots)
    every = (sums.dot(sums).item() / count**2) ** 2  # of all pairs, those of a pixel with itself among them
    before = mean_of(roots) ** 4
    pixels = count * count
    if pixels == 1 or pixels_before == 1:
        return every / before
    return (every * pixels - same * same) / (pixels - 1) / ((before * pixels_before - 1) / (pixels_before - 1))


def _pulled(side: int, num_populations: int, taps: Taps, factor: float, gradient: Gradient) -> Gradient:
    """Back through weights that mix all channels: one flow for every population of the input."""
    profile, mean, different = _returned(gradient, side, taps)
    (flow,) = gradient.flows
    each = Flow(flow.square * mean * mean * factor, flow.across_pixels * different * different * factor)
    return Gradient(side, profile, (each,) * num_populations, gradient.spread, gradient.common)


def _returned(gradient: Gradient, side: int, taps: Taps) -> tuple[Array, float, float]:
    """Each output's gradient handed to the pixels that it has read, with weights of 1.

    Its profile there, and along a side the factors of one pixel's square and of products of two.
    """
    received = gradient.profile.dot(taps.reads)
    mean = mean_of(received)
    roots = np.sqrt(gradient.profile)
    sums = taps.inside.dot(roots)
    typical = mean_of(roots) * side
    different = sums.dot(sums).item() / (typical * typical)
    return received / mean if mean else np.ones(side), mean, different


def _over_taps(flow: Flow, mean: float, different: float) -> Flow:
    """A flow whose elements each go where they have come from, with the factors of `_returned`."""
    return Flow(
        flow.square * mean * mean,
        flow.across_pixels * different * different,
        None if flow.amplitudes is None else mean * flow.amplitudes,
        flow.weights,
        None if flow.given is None else flow.given.times(mean * mean),
    )


def _patterned(x: Kernel, y: Kernel, factor: float, side: int, falls: tuple[float, float]) -> Kernel:
    """What all images share at a pixel beyond their mean over pixels is the border's pattern, which counts less."""
    pixels = side * side
    shared = (x.across_images - x.across_both) * (1 - 1 / pixels)
    if not 0 < shared < np.inf:
        return y
    border = border_of(side)
    kept = 9 * border.kept * factor * shared
    apart = (pixels * border.levelled - 1) / (pixels - 1) * kept
    uniform = x.across_images - shared
    same, different = falls
    more = different * factor * (uniform - x.across_both) + apart
    return Kernel(y.second, y.across_pixels + more, same * factor * uniform + kept, y.across_both + more)


def _looking_linear(y: Kernel, odd: Kernel) -> Kernel:
    """The products of a looks-linear layer's output: proportional to those of what its pairs differ by."""
    factor = ratio(y.second, odd.second)
    return Kernel(y.second, odd.across_pixels * factor, odd.across_images * factor, odd.across_both * factor)


def _biased(y: Kernel, mean: float, bias: WeightLaw) -> tuple[Kernel, float]:
    if bias.scale == 0:
        return y, mean
    if bias.kind == "constant":
        return y.shifted(2 * mean * bias.scale + bias.scale**2), mean + bias.scale
    return y.shifted(bias.scale**2), mean


def _standardised(conv: Conv, law: WeightLaw, gain: WeightLaw, fan_in: int) -> Weights:
    """Each row less its mean and over its deviation: whatever its scale was, unless ε is as large."""
    own = 0.0 if law.kind == "constant" else law.scale**2
    epsilon = conv.weights.epsilon
    if conv.weights.kind == "standardised":
        variance = own / (own + epsilon)
    else:
        variance = (gain.scale * conv.weights.gain) ** 2 * own / (fan_in * own + epsilon)
    return Weights(variance, centred=False, randomness=2.0, removes_mean=True)


def _shape(layer: Conv | Linear) -> tuple[int, int, int]:
    """Rows, taps and columns of one group's matrices."""
    if isinstance(layer, Linear):
        return layer.out_features, 1, layer.in_features
    return layer.out_channels // layer.groups, layer.kernel**2, layer.in_channels // layer.groups
