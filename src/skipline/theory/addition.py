"""Where branch and shortcut meet: their sum, and the gradient that splits there and joins again before the block."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from skipline.theory.activation import Array
from skipline.theory.element_law import Gaussian, Law, Points, added, moments_of, smoothed
from skipline.theory.signal_state import Flow, Given, Gradient, Kernel, Population, Signal, flow_of, ratio

Halves = tuple[Gradient, Gradient]
"""The gradients of a sum's branch and of its shortcut."""

Split = Callable[[Gradient], Halves]
"""From the gradient of a sum to those two."""

Cuts = tuple[tuple[int, int, int], ...]
"""For each population of a sum: that of the branch, that of the shortcut, and its channels."""


def summed(branch: Signal, shortcut: Signal) -> tuple[Signal, Split]:
    """`f + s`: independent, as weights of mean 0 make them, or functions of one variable, as αI does."""
    cuts = _cuts(branch.populations, shortcut.populations)
    f, s = branch.populations, shortcut.populations
    populations = tuple([_added(f[i], s[j], channels) for i, j, channels in cuts])
    coherent = any(_of_one_variable(f[i], s[j]) for i, j, _ in cuts)
    weights = branch.kernel.second, shortcut.kernel.second
    odd = None if branch.odd is None or shortcut.odd is None else branch.odd.plus(shortcut.odd)
    out = Signal(
        shortcut.side,
        mixed(branch.profile, shortcut.profile, weights),
        populations,
        spread=mixed_spread(branch.spread, shortcut.spread, weights),
        odd=odd,
        rank=max(branch.rank, shortcut.rank),
    )
    if coherent:
        return out, partial(_split_by_value, out, cuts, branch, len(s))
    return out, partial(_split, cuts, branch, len(s))


def _split_by_value(out: Signal, cuts: Cuts, branch: Signal, num_onto: int, gradient: Gradient) -> Halves:
    return _split(cuts, branch, num_onto, _known_by_value(gradient, out))


def _split(cuts: Cuts, branch: Signal, num_onto: int, gradient: Gradient) -> Halves:
    to_branch, to_shortcut, channels = zip(*cuts, strict=True)
    flows, laws = gradient.flows, branch.populations
    down = gathered(flows, to_branch, channels, len(laws))
    flows = tuple([_without(flow, laws[i].law) for flow, i in zip(flows, to_branch, strict=True)])
    onto = gathered(flows, to_shortcut, channels, num_onto)
    return _with_flows(gradient, down), _with_flows(gradient, onto)


def joined(one: Gradient, two: Gradient) -> Gradient:
    """The sum of two gradients by one signal: independent, but where both know the value that they belong to."""
    flows = tuple(_joined(a, b) for a, b in zip(one.flows, two.flows, strict=True))
    weights = sum(flow.square for flow in one.flows), sum(flow.square for flow in two.flows)
    return Gradient(
        one.side,
        mixed(one.profile, two.profile, weights),
        flows,
        spread=mixed_spread(one.spread, two.spread, weights),
        common=mixed_spread(one.common, two.common, weights),
    )


def _with_flows(gradient: Gradient, flows: tuple[Flow, ...]) -> Gradient:
    if flows is gradient.flows:
        return gradient
    return Gradient(gradient.side, gradient.profile, flows, gradient.spread, gradient.common)


def _without(flow: Flow, other: Law) -> Flow:
    """The flow given x instead of x + y, y a Gaussian that does not depend on x: E[g² | x] is a mean over y."""
    if flow.given is None:
        return flow
    if not isinstance(other, Gaussian):
        return flow._replace(given=None)
    given = flow.given
    squares = smoothed(given.squares, other.variance / given.step**2)
    known = Given(given.start - other.mean, given.step, squares)
    return Flow(flow.square, flow.across_pixels, flow.amplitudes, flow.weights, known)


def _added(f: Population, s: Population, channels: int) -> Population:
    law = added(f.law, s.law)
    mean = f.mean + s.mean
    if _of_one_variable(f, s):
        mean, second = moments_of(law)
        kernel = _of_one(f, s, mean, second)
    else:
        kernel = f.kernel.plus(s.kernel).shifted(2 * f.mean * s.mean)
    return Population(channels, mean, kernel, f.zeros * s.zeros, law)


def _of_one_variable(f: Population, s: Population) -> bool:
    return isinstance(f.law, Points) and isinstance(s.law, Points) and f.law.weights is s.law.weights


def _of_one(f: Population, s: Population, mean: float, second: float) -> Kernel:
    """Pairs of a sum of two functions of one variable: as alike as those of the two are in the mean."""
    variance = second - mean * mean

    def of(a: float, b: float) -> float:
        covariance = a - f.mean**2 + b - s.mean**2
        whole = f.kernel.second - f.mean**2 + s.kernel.second - s.mean**2
        return mean * mean + variance * ratio(covariance, whole)

    a, b = f.kernel, s.kernel
    return Kernel(
        second,
        of(a.across_pixels, b.across_pixels),
        of(a.across_images, b.across_images),
        of(a.across_both, b.across_both),
    )


def _known_by_value(gradient: Gradient, signal: Signal) -> Gradient:
    """The gradient with a size at each value of the law, the same where it is not known."""
    flows = [
        flow.weighed(np.ones(len(p.law.weights)), p.law.weights) if isinstance(p.law, Points) else flow
        for flow, p in zip(gradient.flows, signal.populations, strict=True)
    ]
    return replace(gradient, flows=tuple(flows))


def _joined(one: Flow, two: Flow) -> Flow:
    if one.square == 0 or two.square == 0:
        return two if one.square == 0 else one
    if one.amplitudes is not None and two.amplitudes is not None and one.weights is two.weights:
        assert one.weights is not None
        like = Flow(one.square + two.square, one.across_pixels + two.across_pixels)
        return flow_of(one.amplitudes + two.amplitudes, one.weights, like=like)
    return Flow(one.square + two.square, one.across_pixels + two.across_pixels, given=_both_given(one, two))


def _both_given(one: Flow, two: Flow) -> Given | None:
    if one.given is not None and two.given is None:
        return one.given.plus(two.square)
    if two.given is not None and one.given is None:
        return two.given.plus(one.square)
    return None


def _cuts(f: tuple[Population, ...], s: tuple[Population, ...]) -> Cuts:
    if len(f) == 1:
        return tuple([(0, j, p.channels) for j, p in enumerate(s)])
    if len(s) == 1:
        return tuple([(i, 0, p.channels) for i, p in enumerate(f)])
    cuts = []
    i = j = 0
    left, right = f[0].channels, s[0].channels
    while True:
        channels = min(left, right)
        cuts.append((i, j, channels))
        left, right = left - channels, right - channels
        if left == 0:
            i += 1
        if right == 0:
            j += 1
        if i == len(f) or j == len(s):
            return tuple(cuts)
        left, right = left or f[i].channels, right or s[j].channels


def gathered(flows: tuple[Flow, ...], places: Sequence[int], channels: Sequence[int], count: int) -> tuple[Flow, ...]:
    """The flows of a sum's populations as flows of one side's, each the mean over its channels."""
    if len(flows) == count:
        return flows
    gathered = []
    for index in range(count):
        mine = [(flow, n) for flow, place, n in zip(flows, places, channels, strict=True) if place == index]
        whole = sum(n for _, n in mine)
        square = sum(flow.square * n for flow, n in mine) / whole
        across = sum(flow.across_pixels * n for flow, n in mine) / whole
        gathered.append(mine[0][0] if len(mine) == 1 else Flow(square, across))
    return tuple(gathered)


def mixed(one: Array, two: Array, weights: tuple[float, float]) -> Array:
    """The profile of two signals together, whose second moments are `weights`."""
    if one is two or weights[0] == 0:
        return two
    if weights[1] == 0:
        return one
    share = 0.5 if math.isinf(weights[0]) else weights[0] / (weights[0] + weights[1])
    return share * one + (1 - share) * two


def mixed_spread(one: float, two: float, weights: tuple[float, float]) -> float:
    """Of a sum of which each part's logarithm has such a variance, both growing from the same draws."""
    share = 0.5 if math.isinf(weights[0]) else ratio(weights[0], weights[0] + weights[1])
    return (share * math.sqrt(one) + (1 - share) * math.sqrt(two)) ** 2
