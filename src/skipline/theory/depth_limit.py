"""How deep a family of networks can be and still train, by the laws of its signals: exponential against polynomial."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from skipline.spec import Network
from skipline.spec.network import MOST_BLOCKS
from skipline.theory.predict import predict_signals
from skipline.theory.prediction import STANDARD_INPUTS, Inputs, Prediction
from skipline.theory.start import Start
from skipline.theory.thresholds import THRESHOLDS

FamilyGrowthKind = Literal["flat", "polynomial", "exponential"]
Cause = Literal["none", "signal", "gradient", "length lottery", "collapse"]

FLAT = 0.2  # ln of a ratio: a change by less from one depth to the double is none
EXPONENTIAL = 1.5  # growth from 2K to 4K over that from K to 2K: 2 of an exponential, 1 of a power
_SIZES = (16, 32, 64)  # blocks of the nets that growth is read from


@dataclass(frozen=True, slots=True)
class FamilyGrowth:
    """How a quantity changes with the number of blocks K, from its logarithm at three depths.

    `per_block` is the change of the logarithm with each further block, `exponent` that with ln K; `depth_scale` is
    1/|per_block| where the growth is exponential, else ∞.
    """

    kind: FamilyGrowthKind
    per_block: float
    exponent: float

    @property
    def depth_scale(self) -> float:
        """Blocks over which the quantity changes by a factor of e."""
        return 1 / abs(self.per_block) if self.kind == "exponential" and self.per_block else math.inf


@dataclass(frozen=True, slots=True)
class DepthLimit:
    """The greatest number of blocks that still trains, the depth of that network in weighted layers, and what ends it.

    Both are ∞, and the cause `none`, where no law sets an end before the greatest description.
    """

    num_blocks: float
    depth: float
    cause: Cause
    signal: FamilyGrowth
    gradient: FamilyGrowth


def depth_limit(
    network: Network, start_of: Callable[[Network], Start], *, image_size: int, inputs: Inputs = STANDARD_INPUTS
) -> DepthLimit:
    """The limit of the family of `network`: the same description with more or fewer blocks in every stage.

    `start_of` says how the weights of any of them start. Growth is read off predictions at three depths, and each law
    carried on from there: exponential growth of signal or gradient to the range that trains, the spread of lengths and
    the collapse of inputs as they grow. Polynomial growth ends nothing: a healthy pre-activation net of 500 blocks has
    gradients that differ by a factor of 390. Where norms bring the signal back its size ends nothing, and without them
    it does whatever the form of its growth; batch norm takes out what all inputs share. The ranges are those beyond
    which a net trains worse: `thresholds.py`.
    """
    family = [with_blocks(network, size) for size in _SIZES]
    seen = [predict_signals(each, start_of(each), image_size=image_size, inputs=inputs) for each in family]
    counts = [each.num_blocks for each in family]
    signals, gradients = [_range(_seconds(p)) for p in seen], [_range(_norms(p)) for p in seen]
    signal, gradient = family_growth(counts, signals), family_growth(counts, gradients)
    is_bare = not is_normalised(network)
    back = _reach(_norms(seen[2])[::-1], _gradient_range(network, _norms(seen[2])))
    ends: list[tuple[float, Cause]] = [(_end(counts, gradients, gradient, back, is_bare), "gradient")]
    if is_bare:
        seconds = _seconds(seen[2])
        ends.append((_end(counts, signals, signal, _reach(seconds, _signal_range(seconds)), is_bare), "signal"))
        ends.append((_lottery_end(counts, [_spread(p) for p in seen]), "length lottery"))
    if network.norm.kind != "batch":
        ends.append((_collapse_end(counts, [_difference(p) for p in seen]), "collapse"))
    blocks, cause = min(ends, key=lambda end: end[0])
    if blocks > MOST_BLOCKS:
        return DepthLimit(math.inf, math.inf, "none", signal, gradient)
    blocks = max(blocks, 1.0)
    layers = (family[1].depth - family[0].depth) / (counts[1] - counts[0])
    depth = family[0].depth + layers * (blocks - counts[0])
    return DepthLimit(math.floor(blocks), max(1, math.floor(depth)), cause, signal, gradient)


def is_normalised(network: Network) -> bool:
    """Whether signals are brought to a fixed size again and again, by norms or by standardised weights."""
    return network.norm.kind != "none" or network.conv_weights.kind != "free"


def with_blocks(network: Network, num_blocks: int) -> Network:
    """The same description with about `num_blocks` blocks, shared among its stages as before, at least 1 each."""
    share = num_blocks / network.num_blocks
    stages = tuple(replace(stage, num_blocks=max(1, round(stage.num_blocks * share))) for stage in network.stages)
    return replace(network, stages=stages)


def family_growth(counts: Sequence[int], logs: Sequence[float]) -> FamilyGrowth:
    """Growth of a quantity whose logarithm is `logs` at three depths, each about the double of the one before."""
    first, second = logs[1] - logs[0], logs[2] - logs[1]
    if math.isinf(logs[2]):
        return FamilyGrowth("exponential", math.inf, math.inf)
    per_block = second / (counts[2] - counts[1])
    exponent = second / math.log(counts[2] / counts[1])
    if max(abs(first), abs(second)) < FLAT:
        return FamilyGrowth("flat", per_block, exponent)
    kind: FamilyGrowthKind = "exponential" if abs(second) > EXPONENTIAL * abs(first) else "polynomial"
    return FamilyGrowth(kind, per_block, exponent)


@dataclass(frozen=True, slots=True)
class _Reach:
    """Where a quantity leaves its range in the deepest net that was predicted; ∞ if it does not; and that range."""

    blocks: float
    limit: float


def _reach(values: Sequence[float], limit: float) -> _Reach:
    """Along the way of the signal, or back along that of the gradient."""
    for number in range(1, len(values)):
        if _range(values[: number + 1]) > limit:
            return _Reach(float(number), limit)
    return _Reach(math.inf, limit)


def _end(counts: Sequence[int], logs: Sequence[float], growth: FamilyGrowth, reach: _Reach, is_bare: bool) -> float:
    """The number of blocks at which growth leaves its range; polynomial growth does so only where no norm is."""
    if growth.kind == "flat" or (growth.kind == "polynomial" and not is_bare):
        return math.inf
    if math.isfinite(reach.blocks):
        return reach.blocks
    missing = reach.limit - logs[2]
    if growth.kind == "exponential":
        return counts[2] + missing / growth.per_block if growth.per_block > 0 else math.inf
    return counts[2] * math.exp(min(missing / growth.exponent, 50.0)) if growth.exponent > 0 else math.inf


def _signal_range(seconds: Sequence[float]) -> float:
    """ln of the ratio of second moments that still trains: twice that of norms."""
    limit = THRESHOLDS.vanishing if seconds[-1] < seconds[0] else THRESHOLDS.exploding
    return 2 * limit.degrades


def _gradient_range(network: Network, norms: Sequence[float]) -> float:
    """ln of the ratio of gradient norms that still trains."""
    if is_normalised(network):
        return THRESHOLDS.gradient.degrades
    limit = THRESHOLDS.gradient_vanishing if norms[0] < norms[-1] else THRESHOLDS.exploding
    return limit.degrades


def _lottery_end(counts: Sequence[int], spreads: Sequence[float]) -> float:
    rate = (spreads[2] - spreads[1]) / (counts[2] - counts[1])
    if rate <= 0 or family_growth(counts, spreads).kind != "exponential":  # here: linear in K, so that it has no end
        return math.inf
    return counts[2] + (THRESHOLDS.lottery.degrades - spreads[2]) / rate


def _collapse_end(counts: Sequence[int], differences: Sequence[float]) -> float:
    """Where the difference of two inputs, falling like a power of K, comes to the least that trains."""
    least = 1 / THRESHOLDS.collapse.degrades
    before, after = differences[1], differences[2]
    if after <= 0 or before <= after * 1.2:  # guessed: what falls more slowly than K^−1/4 is coming to rest
        return math.inf if after > least else float(counts[0])
    power = math.log(before / after) / math.log(counts[2] / counts[1])
    return counts[2] * (after / least) ** (1 / power)


def _body(prediction: Prediction) -> list[str]:
    return ["stem", *prediction.outputs]


def _seconds(prediction: Prediction) -> list[float]:
    return [prediction.sites[name].second_moment for name in _body(prediction)]


def _norms(prediction: Prediction) -> list[float]:
    return [prediction.sites[name].gradient_norm for name in _body(prediction)]


def _range(values: Sequence[float]) -> float:
    low, high = min(values), max(values)
    return math.log(high / low) if low > 0 and high < math.inf else math.inf


def _spread(prediction: Prediction) -> float:
    return max(prediction.sites[name].spread for name in _body(prediction))


def _difference(prediction: Prediction) -> float:
    return min(1 - prediction.sites[name].correlation for name in _body(prediction))
