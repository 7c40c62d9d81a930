"""AutoInit: mean and variance of the signal followed through the description, each weight scaled by what it reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import assert_never

import numpy as np

from skipline.init.require import free_weights
from skipline.init.row import row, with_classifier
from skipline.init.rules import normal
from skipline.init.scheme import Scheme
from skipline.spec import BlockPlan, Network, Step, unfold
from skipline.spec.layers import (
    Activate,
    Blur,
    Conv,
    DropBlock,
    DropBranch,
    Dropout,
    EfficientAttention,
    GlobalAverage,
    LearnedScale,
    LearnedShift,
    Linear,
    Normalise,
    PadChannels,
    PadPixels,
    Pool,
    Scale,
    SqueezeExcite,
    Subsample,
)
from skipline.theory.gaussian import moments, nodes, normal_cdf


def autoinit() -> Scheme:
    """`Var W = 1/(fan_in · E[x²])`, E[x²] = μ² + ν of what the layer reads: its output has mean 0 and variance 1.

    (μ, ν) go through the description layer by layer, from images with (0, 1): activations by their Gaussian
    expectations, sums by addition as if branch and shortcut were independent, norms to (0, 1), dropouts and stochastic
    depth as in training. Bingham & Miikkulainen 2021, arXiv 2109.08958, section 3. A description has no image size, so
    borders are left out, and the mean over all pixels before the classifier is read as that of equal pixels: the
    classifier's output then has a variance of at most 1. Maxima are those of independent pixels; the weights of
    attention start small, so that its factor is ½.
    """
    weight = normal(lambda slot: 1.0 / (slot.fans.fan_in * _inputs(slot.network)[slot.step.name].second_moment))
    base = row(
        "autoinit",
        "W ~ N(0, 1/(fan_in · (μ² + ν)))",
        "arXiv 2109.08958, section 3",
        weight,
        requires=free_weights("autoinit"),
    )
    return with_classifier(base, weight)


@dataclass(frozen=True, slots=True)
class _Signal:
    """Mean μ and variance ν of a signal over channels, pixels and draws of the weights."""

    mean: float
    variance: float

    @property
    def second_moment(self) -> float:
        return self.mean**2 + self.variance

    def times(self, factor: float) -> _Signal:
        return _Signal(self.mean * factor, self.variance * factor**2)

    def times_random(self, mean: float, second_moment: float) -> _Signal:
        """Multiplied by an independent random number."""
        product = self.mean * mean
        return _Signal(product, self.second_moment * second_moment - product**2)

    def plus(self, other: _Signal) -> _Signal:
        return _Signal(self.mean + other.mean, self.variance + other.variance)


_UNIT = _Signal(0.0, 1.0)
_LEAST = 1e-12  # guessed: a weight that reads only zeros has any scale; this keeps it finite


@lru_cache(maxsize=8)  # guessed: one network at a time is started; a fold for each of its tensors would be quadratic
def _inputs(network: Network) -> dict[str, _Signal]:
    """What every weighted layer of `network` reads, by the name of its step."""
    plan, inputs = unfold(network), dict[str, _Signal]()
    stem = _chain(plan.stem, _UNIT, inputs)
    first, second = stem, stem  # of a signal whose halves are alike, twice the same
    for block in plan.blocks:
        if block.is_coupled:
            first, second = _coupled(block, first, second, inputs)
        else:
            first = second = _block(block, _both(first, second), inputs)
    _chain(plan.head, _both(first, second), inputs)
    return inputs


def _coupled(block: BlockPlan, first: _Signal, second: _Signal, inputs: dict[str, _Signal]) -> tuple[_Signal, _Signal]:
    first, second = (_chain(block.entry, half, inputs) for half in (first, second))
    branch = _chain(block.branch, second, inputs)
    shortcut, carried = (
        _padded(block, _chain(steps, half, inputs))
        for steps, half in ((block.shortcut, first), (block.carried, second))
    )
    branch = branch if block.drop_step is None else _behind(block.drop_step, branch)
    return carried, branch.plus(shortcut)


def _padded(block: BlockPlan, shortcut: _Signal) -> _Signal:
    if not any(isinstance(step.layer, PadChannels) for step in block.shortcut):
        return shortcut
    share = block.in_channels / block.out_channels  # of the channels; the others are 0
    return shortcut.times_random(share, share)


def _both(first: _Signal, second: _Signal) -> _Signal:
    """Of one half or the other, as likely."""
    mean = (first.mean + second.mean) / 2
    return _Signal(mean, (first.second_moment + second.second_moment) / 2 - mean**2)


def _block(block: BlockPlan, x: _Signal, inputs: dict[str, _Signal]) -> _Signal:
    h = _chain(block.entry, x, inputs)
    branch = _chain(block.branch, h, inputs)
    if not block.is_residual:
        return _chain(block.out, branch, inputs)
    shortcut = _padded(block, _chain(block.shortcut, h if block.shortcut_reads_entry else x, inputs))
    if block.drop_step is not None:
        branch = _behind(block.drop_step, branch)
    if block.gate_step is not None:
        _chain((block.gate_step,), x, inputs)
        gate = _squared_sigmoid()  # of an argument with mean 0 and variance 1; its own mean is ½
        shortcut = shortcut.times_random(0.5, gate)
        branch = branch.times_random(0.5, gate) if block.gate == "exclusive" else branch
    return _chain(block.out, branch.plus(shortcut), inputs)


def _chain(steps: Sequence[Step], x: _Signal, inputs: dict[str, _Signal]) -> _Signal:
    for step in steps:
        if isinstance(step.layer, Conv | Linear):
            inputs[step.name] = _Signal(x.mean, max(x.variance, _LEAST))
        x = _behind(step, x)
    return x


def _behind(step: Step, x: _Signal) -> _Signal:
    match step.layer:
        case Conv() | Linear() | Normalise():
            return _UNIT
        case Activate(activation):
            phi = moments(activation, mean=x.mean, variance=x.variance)
            return _Signal(phi.mean, phi.variance)
        case Pool(kind="max", kernel=kernel):
            mean, variance = _largest_of(kernel * kernel)
            return _Signal(x.mean + mean * math.sqrt(x.variance), variance * x.variance)
        case Pool(kernel=kernel):
            return _Signal(x.mean, x.variance / kernel**2)
        case Blur():
            return _Signal(x.mean, x.variance * (6 / 16) ** 2)  # (1² + 2² + 1²)/4², in both directions
        case Scale(factor):
            return x.times(factor)
        case LearnedScale(start):
            return x.times(start)
        case LearnedShift(start):
            return _Signal(x.mean + start, x.variance)
        case SqueezeExcite() | EfficientAttention():
            return x.times(0.5)
        case Dropout(rate) | DropBlock(rate) | DropBranch(rate):
            return x.times_random(1.0, 1.0 / (1.0 - rate))
        case GlobalAverage() | Subsample() | PadPixels() | PadChannels():  # what is padded, `_block` knows
            return x
        case _:
            assert_never(step.layer)


@lru_cache(maxsize=8)
def _largest_of(count: int) -> tuple[float, float]:
    """Mean and variance of the largest of `count` independent N(0, 1); its density is n φ(z) Φ(z)^(n−1)."""
    z, weights = nodes(0.0, 1.0)
    density = weights * count * np.array([normal_cdf(value) for value in z.tolist()]) ** (count - 1)
    mean = float(density @ z)
    return mean, float(density @ (z * z)) - mean**2


@lru_cache(maxsize=1)
def _squared_sigmoid() -> float:
    """E[σ(z)²] for z ~ N(0, 1)."""
    z, weights = nodes(0.0, 1.0)
    return float(weights @ (1.0 + np.exp(-z)) ** -2)
